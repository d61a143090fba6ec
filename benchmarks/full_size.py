"""Networks of the real sizes with random weights, made on the spot: they cost what the real ones cost."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.audio.waveform import to_float32
from app.models.whisper_shapes import SHAPES
from benchmarks.sounds import DEMO, meeting

LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", *"etaonihsrdlumwcfgypbvk'xjqz")
TOKENS_PER_CHUNK = 100
"""A random decoder would go on to its limit; this many tokens are what 25 seconds of speech take."""
VOCABULARY = 51_866
"""Tokens of large-v3 and turbo; the others have one less."""
ENCODER_LAYERS = {"turbo": 32}
"""Where the encoder has more than the decoder."""
MELS = {"turbo": 128, "large": 128}
"""Bands of the spectrogram, where they are not 80."""


def wav2vec2(size: str) -> Any:
    """Return a Wav2Vec2ForCTC of the size of wav2vec2 "base" or "large"."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    large = {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "feat_extract_norm": "layer",
        "conv_bias": True,
        "do_stable_layer_norm": True,
    }
    torch.manual_seed(0)
    config = Wav2Vec2Config(vocab_size=len(LETTERS), **(large if size == "large" else {}))
    return Wav2Vec2ForCTC(config).eval()


def letter_ids() -> dict[str, int]:
    """Return the vocabulary of `wav2vec2`."""
    return {letter: place for place, letter in enumerate(LETTERS)}


def diarization_pipeline(folder: Path, batch_size: int = 32) -> Any:
    """Return pyannote's stock pipeline with the real segmentation network and a random WeSpeaker ResNet34.

    The network's normalisation is set from a few seconds of the meeting, so that its output is as varied as
    a trained one's. The PLDA, made in `folder`, is the identity.
    """
    from app.engines.platform.libraries import pyannote_diarization

    pipeline = pyannote_diarization.SpeakerDiarization(
        segmentation=str(DEMO / "diarization" / "segmentation"),
        embedding=_calibrated_resnet(),
        embedding_exclude_overlap=True,
        plda=str(_identity_plda(folder)),
        segmentation_batch_size=batch_size,
        embedding_batch_size=batch_size,
    )
    pipeline.instantiate(
        {
            "clustering": {"threshold": 0.6, "Fa": 0.07, "Fb": 0.8},
            "segmentation": {"threshold": 0.5, "min_duration_off": 0.0},
        }
    )
    return pipeline


def _calibrated_resnet() -> torch.nn.Module:
    from pyannote.audio.models.embedding import WeSpeakerResNet34

    torch.manual_seed(0)
    model = WeSpeakerResNet34()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    windows = torch.from_numpy(to_float32(meeting()[: 8 * 80000])).reshape(8, 1, 80000)
    with torch.no_grad():
        model.train()(windows)
    evaluated: torch.nn.Module = model.eval()
    return evaluated


def _identity_plda(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    wide, narrow = 256, 128
    np.savez(
        folder / "xvec_transform.npz", mean1=np.zeros(wide), mean2=np.zeros(narrow), lda=np.eye(wide, narrow)
    )
    np.savez(folder / "plda.npz", mu=np.zeros(narrow), tr=np.eye(narrow), psi=np.linspace(4.0, 0.1, narrow))
    return folder


def whisper_small(folder: Path, quantization: str = "int8") -> Path:
    """Return the directory of a Whisper "small" in CTranslate2's format, made in `folder` on first use.

    The tokenizer is the bundle's, with its 2,811 tokens. A dimension of the decoder's position embedding
    makes end-of-text certain after TOKENS_PER_CHUNK tokens.
    """
    target = folder / f"whisper-small-{quantization}"
    if (target / "model.bin").exists():
        return target
    from ctranslate2.converters.transformers import WhisperLoader

    tokens = json.loads((DEMO / "whisper" / "vocabulary.json").read_text(encoding="utf-8"))
    spec = WhisperLoader().get_model_spec(_random_whisper(tokens))
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization=quantization)
    target.mkdir(parents=True, exist_ok=True)
    spec.save(str(target))
    for name in ("config.json", "tokenizer.json", "preprocessor_config.json", "vocabulary.json"):
        shutil.copy(DEMO / "whisper" / name, target / name)
    return target


def whisper_of_size(folder: Path, size: str) -> Path:
    """Return the directory of a Whisper of the shape and vocabulary of `size` in float16, made on first use.

    Tokens beyond those of the bundle's tokenizer are there and are never written.
    """
    target = folder / f"whisper-{size}"
    if (target / "done").exists():
        return target
    from ctranslate2.converters.transformers import WhisperLoader

    given = DEMO / "whisper"
    real = json.loads((given / "vocabulary.json").read_text(encoding="utf-8"))
    tokens = [*real, *(f"<|never {number}|>" for number in range(VOCABULARY - len(real)))]
    spec = WhisperLoader().get_model_spec(_random_whisper(tokens, size))
    spec.register_vocabulary(tokens)
    spec.validate()
    spec.optimize(quantization="float16")
    target.mkdir(parents=True, exist_ok=True)
    spec.save(str(target))
    shutil.copy(given / "tokenizer.json", target)
    _write_settings(given, target, size)
    (target / "done").touch()
    return target


def _write_settings(given: Path, target: Path, size: str) -> None:
    features = json.loads((given / "preprocessor_config.json").read_text())
    features["feature_size"] = MELS.get(size, 80)
    (target / "preprocessor_config.json").write_text(json.dumps(features))
    wanted, made = (json.loads((place / "config.json").read_text()) for place in (given, target))
    made |= {key: wanted[key] for key in ("lang_ids", "suppress_ids", "suppress_ids_begin")}
    made["alignment_heads"] = [[SHAPES[size].decoder_layers - 1, 0]]
    (target / "config.json").write_text(json.dumps(made))


def _random_whisper(tokens: list[str], size: str = "small") -> Any:
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    end, shape = tokens.index("<|endoftext|>"), SHAPES[size]
    config = WhisperConfig(
        vocab_size=len(tokens),
        d_model=shape.width,
        encoder_layers=ENCODER_LAYERS.get(size, shape.decoder_layers),
        decoder_layers=shape.decoder_layers,
        encoder_attention_heads=shape.heads,
        decoder_attention_heads=shape.heads,
        encoder_ffn_dim=4 * shape.width,
        decoder_ffn_dim=4 * shape.width,
        num_mel_bins=MELS.get(size, 80),
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=end,
        suppress_tokens=None,
    )
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        decoder = model.model.decoder
        decoder.embed_positions.weight[:, 0] = -30.0
        decoder.embed_positions.weight[TOKENS_PER_CHUNK:, 0] = 30.0
        decoder.embed_tokens.weight[:, 0] = 0.0
        silent = [place for place, token in enumerate(tokens) if not token.startswith("Ġ") or place >= end]
        decoder.embed_tokens.weight[silent] = 0.0  # only tokens that begin a word are ever written
        decoder.embed_tokens.weight[end, 0] = 1.0
    return model
