"""The wav2vec2 network: three convolutions to a 20 ms grid, three transformer layers."""

import math

import torch
from torch.nn import functional
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

from tools.demo.synthesis.speech import SAMPLE_RATE

from .letters import INDEX, SYMBOLS

KERNELS, STRIDES = (160, 8, 4), (40, 4, 2)  # samples, then frames of the layer below
BANDS, LOWEST_HZ, HIGHEST_HZ = 32, 80.0, 7600.0


def new_aligner() -> Wav2Vec2ForCTC:
    """An untrained aligner whose first layer already listens to mel-spaced bands."""
    config = Wav2Vec2Config(
        vocab_size=len(SYMBOLS),
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=384,
        conv_dim=(2 * BANDS, 96, 128),
        conv_kernel=KERNELS,
        conv_stride=STRIDES,
        num_feat_extract_layers=3,
        conv_bias=False,
        feat_extract_norm="layer",
        do_stable_layer_norm=True,
        num_conv_pos_embeddings=32,
        num_conv_pos_embedding_groups=8,
        hidden_dropout=0.0,
        attention_dropout=0.0,
        activation_dropout=0.0,
        feat_proj_dropout=0.0,
        final_dropout=0.0,
        layerdrop=0.0,
        apply_spec_augment=False,
        mask_time_prob=0.0,
        pad_token_id=INDEX["<pad>"],
        bos_token_id=INDEX["<s>"],
        eos_token_id=INDEX["</s>"],
        ctc_zero_infinity=True,
        attn_implementation="sdpa",
    )
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        _first_convolution(model).weight.copy_(_band_filters() * 0.2)
    return model


def _first_convolution(model: Wav2Vec2ForCTC) -> torch.nn.Conv1d:
    return model.wav2vec2.feature_extractor.conv_layers[0].conv


def _band_filters() -> torch.Tensor:
    """(2 * BANDS, 1, 160): cosine and sine of each band under a Hann window."""
    low, high = (2595 * math.log10(1 + hertz / 700) for hertz in (LOWEST_HZ, HIGHEST_HZ))
    hertz = 700 * (10 ** (torch.linspace(low, high, BANDS) / 2595) - 1)
    phase = 2 * math.pi * hertz[:, None] * torch.arange(KERNELS[0]) / SAMPLE_RATE
    return (torch.cat([phase.cos(), phase.sin()]) * torch.hann_window(KERNELS[0]))[:, None]


def frame_count(samples: int) -> int:
    """Output frames for so many samples."""
    for kernel, stride in zip(KERNELS, STRIDES, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples


def speed_up_training(model: Wav2Vec2ForCTC) -> None:
    """Replaces the one-channel convolution, slow on CPUs, by the same sum as a matrix product."""
    convolution = _first_convolution(model)

    def product(audio: torch.Tensor) -> torch.Tensor:
        windows = audio[:, 0].unfold(1, KERNELS[0], STRIDES[0])
        return functional.linear(windows, convolution.weight[:, 0]).transpose(1, 2)

    convolution.forward = product  # type: ignore[method-assign]
