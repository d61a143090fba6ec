"""Stretches of sound that go through a network together come out as if each had gone alone."""

import pytest
import torch
import torchaudio
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars
from transformers import Wav2Vec2Config, Wav2Vec2ForCTC
from transformers.utils.logging import is_progress_bar_enabled

from app.engines.alignment.acoustic_models import AcousticModel, HuggingFaceModel, TorchaudioModel, emissions
from app.engines.platform.libraries import draw_no_bars_of_loading


@pytest.mark.parametrize("shown", [True, False])
def test_loading_draws_no_bar_and_downloads_draw_theirs_as_before(shown: bool) -> None:
    assert not is_progress_bar_enabled()
    before = are_progress_bars_disabled()
    (enable_progress_bars if shown else disable_progress_bars)()
    draw_no_bars_of_loading()
    assert not is_progress_bar_enabled()
    assert are_progress_bars_disabled() is not shown
    (disable_progress_bars if before else enable_progress_bars)()


LENGTHS = (16000, 9000, 12345, 400, 100)
CONVOLUTIONS = [(16, 10, 5), (16, 8, 4), (16, 4, 2)]


def hugging_face(norm: str) -> tuple[AcousticModel, torch.nn.Module]:
    config = Wav2Vec2Config(
        vocab_size=11,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        conv_dim=[16, 16, 16],
        conv_kernel=[10, 8, 4],
        conv_stride=[5, 4, 2],
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        feat_extract_norm=norm,
        conv_bias=norm == "layer",
        do_stable_layer_norm=norm == "layer",
    )
    torch.manual_seed(1)
    model = Wav2Vec2ForCTC(config).eval()
    return HuggingFaceModel(model), model


def torchaudio_model(norm: str) -> tuple[AcousticModel, torch.nn.Module]:
    torch.manual_seed(1)
    model = torchaudio.models.wav2vec2_model(
        extractor_mode=norm,
        extractor_conv_layer_config=CONVOLUTIONS,
        extractor_conv_bias=norm == "layer_norm",
        encoder_embed_dim=32,
        encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=16,
        encoder_pos_conv_groups=4,
        encoder_num_layers=2,
        encoder_num_heads=2,
        encoder_attention_dropout=0.0,
        encoder_ff_interm_features=64,
        encoder_ff_interm_dropout=0.0,
        encoder_dropout=0.0,
        encoder_layer_norm_first=norm == "layer_norm",
        encoder_layer_drop=0.0,
        aux_num_out=11,
    ).eval()
    return TorchaudioModel(model), model


MODELS = {
    "transformers, group norm (wav2vec2 base)": lambda: hugging_face("group"),
    "transformers, layer norm (wav2vec2 large)": lambda: hugging_face("layer"),
    "torchaudio, group norm (WAV2VEC2_ASR_BASE)": lambda: torchaudio_model("group_norm"),
    "torchaudio, layer norm (VOXPOPULI large)": lambda: torchaudio_model("layer_norm"),
}


def stretches() -> list[torch.Tensor]:
    torch.manual_seed(2)
    return [torch.randn(length) * (place + 1) for place, length in enumerate(LENGTHS)]


@pytest.mark.parametrize("kind", MODELS)
def test_together_is_as_alone(kind: str) -> None:
    model, _ = MODELS[kind]()
    together = emissions(model, stretches(), "cpu", torch.float32)
    for stretch, emission in zip(stretches(), together, strict=True):
        (alone,) = emissions(model, [stretch], "cpu", torch.float32)
        torch.testing.assert_close(emission, alone, atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", MODELS)
def test_alone_is_as_the_library_computes_it(kind: str) -> None:
    model, network = MODELS[kind]()
    stretch = stretches()[0]
    (ours,) = emissions(model, [stretch], "cpu", torch.float32)
    with torch.inference_mode():
        answer = network(stretch.unsqueeze(0))
    logits = answer.logits if hasattr(answer, "logits") else answer[0]
    torch.testing.assert_close(ours, torch.log_softmax(logits[0], dim=-1), atol=2e-5, rtol=0)


def test_group_norm_models_would_change_under_padding() -> None:
    """The reason for running convolutions one by one: without it this difference reaches the words."""
    _, network = hugging_face("group")
    long, short, *_ = stretches()
    padded = torch.stack([long, torch.nn.functional.pad(short, (0, len(long) - len(short)))])
    with torch.inference_mode():
        features = network.wav2vec2.feature_extractor(padded)[1]
        alone = network.wav2vec2.feature_extractor(short.unsqueeze(0))[0]
    assert (features[:, : alone.shape[1]] - alone).abs().max() > 0.01
