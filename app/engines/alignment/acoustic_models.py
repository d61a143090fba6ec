"""CTC acoustic models for alignment: wav2vec2 of transformers and of torchaudio behind one interface.

Batching must not change results. Group-norm feature extractors (wav2vec2 base) normalise over time, so that
padding changes every frame; convolutions therefore run on one clip at a time, which is exact for every type,
and only the transformer, which masks what is padded, runs on several together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torchaudio
from torch import Tensor
from torch.nn.functional import layer_norm, log_softmax, pad
from torch.nn.utils.rnn import pad_sequence
from transformers import Wav2Vec2ForCTC, Wav2Vec2Processor

SHORTEST_SAMPLES = 400
"""The convolutions of wav2vec2 need this many samples for one frame."""


class AcousticModel(Protocol):
    """A network from sound at 16 kHz to scores of characters in each frame."""

    def features(self, samples: Tensor) -> Tensor:
        """Return the convolutional features (frames, size) of `samples` (samples,)."""
        ...

    def logits(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """Return scores (batch, frames, vocabulary) of padded `features` (batch, frames, size).

        `lengths` (batch,) are frames without padding; None: nothing is padded.
        """
        ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The characters that a model tells apart, in lower case, with their ids, and the id of CTC's blank."""

    ids: Mapping[str, int]
    blank: int


class HuggingFaceModel:
    """A Wav2Vec2ForCTC of transformers."""

    def __init__(self, model: Wav2Vec2ForCTC) -> None:
        self._model = model
        self._body: Any = model.wav2vec2

    def features(self, samples: Tensor) -> Tensor:
        """Return the convolutional features (frames, size) of `samples` (samples,)."""
        features: Tensor = self._body.feature_extractor(samples.unsqueeze(0))[0].T
        return features

    def logits(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """Return scores (batch, frames, vocabulary) of padded `features` (batch, frames, size)."""
        hidden, _ = self._body.feature_projection(features)
        mask = None if lengths is None else _attention_mask(lengths, features.shape[1])
        hidden = self._body.encoder(hidden, attention_mask=mask).last_hidden_state
        if self._body.adapter is not None:
            hidden = self._body.adapter(hidden)
        scores: Tensor = self._model.lm_head(hidden)
        return scores


class TorchaudioModel:
    """A wav2vec2 pipeline of torchaudio; its input is normalised where the pipeline asks for it."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._normalize = bool(getattr(model, "normalize_waveform", False))
        self._body: Any = getattr(model, "model", model)

    def features(self, samples: Tensor) -> Tensor:
        """Return the convolutional features (frames, size) of `samples` (samples,)."""
        batch = samples.unsqueeze(0)
        if self._normalize:
            batch = layer_norm(batch, batch.shape)
        features: Tensor = self._body.feature_extractor(batch, None)[0][0]
        return features

    def logits(self, features: Tensor, lengths: Tensor | None) -> Tensor:
        """Return scores (batch, frames, vocabulary) of padded `features` (batch, frames, size)."""
        scores: Tensor = self._body.encoder(features, lengths)
        return scores if self._body.aux is None else self._body.aux(scores)


def load_acoustic_model(
    source: Path | str, device: str, model_dir: Path | None
) -> tuple[AcousticModel, Vocabulary]:
    """Return the model and vocabulary of a directory, or of a torchaudio pipeline kept in `model_dir`."""
    if str(source) in torchaudio.pipelines.__all__:
        bundle = getattr(torchaudio.pipelines, str(source))
        kept = None if model_dir is None else {"model_dir": str(model_dir)}
        network = bundle.get_model(dl_kwargs=kept).to(device).eval()
        ids = {label.lower(): number for number, label in enumerate(bundle.get_labels())}
        return TorchaudioModel(network), Vocabulary(ids, _blank_id(ids))
    processor = Wav2Vec2Processor.from_pretrained(str(source), local_files_only=True)
    model = Wav2Vec2ForCTC.from_pretrained(str(source), local_files_only=True).to(device).eval()
    ids = {label.lower(): number for label, number in processor.tokenizer.get_vocab().items()}
    return HuggingFaceModel(model), Vocabulary(ids, _blank_id(ids))


def emissions(model: AcousticModel, clips: Sequence[Tensor], device: str, dtype: torch.dtype) -> list[Tensor]:
    """Return the emission of each of `clips` (samples,): log probabilities (frames, vocabulary), float32.

    They stay on `device`. All clips go through the transformer together; the values are those of each alone.
    """
    half = dtype != torch.float32
    with torch.inference_mode(), torch.autocast(torch.device(device).type, dtype=dtype, enabled=half):
        features = [model.features(_pad_to_shortest(clip).to(device)) for clip in clips]
        counts = [len(rows) for rows in features]
        lengths = None if len(set(counts)) == 1 else torch.tensor(counts, device=device)
        scores = model.logits(pad_sequence(features, batch_first=True), lengths)
        log_probs = log_softmax(scores.float(), dim=-1)
    return [rows[:count] for rows, count in zip(log_probs, counts, strict=True)]


def _pad_to_shortest(samples: Tensor) -> Tensor:
    return pad(samples, (0, max(0, SHORTEST_SAMPLES - len(samples))))


def _attention_mask(lengths: Tensor, frames: int) -> Tensor:
    return torch.arange(frames, device=lengths.device)[None, :] < lengths[:, None]


def _blank_id(ids: Mapping[str, int]) -> int:
    return next((number for label, number in ids.items() if label in ("[pad]", "<pad>")), 0)
