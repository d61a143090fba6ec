"""a) Alignment against whisperx.align: the whole stage, and the part that is not the network."""

import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nltk
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.audio.waveform import to_float32
from app.engines.alignment.acoustic_models import AcousticModel, HuggingFaceModel, Vocabulary
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.alignment.sentences import ABBREVIATIONS
from app.engines.platform.precision import number_format
from app.transcript import Segment
from benchmarks.full_size import letter_ids, wav2vec2
from benchmarks.pairs import Comparison, compare
from benchmarks.scale import Scale
from benchmarks.sounds import DEMO, chunks_of_text, long_meeting

CHUNK_SECONDS = 25.0


def run(scale: Scale) -> list[Comparison]:
    """Return what alignment takes, per size of network."""
    use_our_sentences(scale.cache / "nltk_data")
    sizes = ["base"] if scale.quick else ["base", "large"]
    seconds = {"base": 50.0, "large": 25.0} if scale.device == "cpu" else {"base": 600.0, "large": 600.0}
    measured = [_outside_the_network(scale, 25.0 if scale.quick else 250.0)]
    for size in sizes:
        for precision in ("float32", "auto"):
            measured.append(_whole_stage(scale, size, precision, 25.0 if scale.quick else seconds[size]))
    return [*measured, *(_bundle(scale, precision) for precision in ("float32", "auto"))]


def use_our_sentences(folder: Path) -> None:
    """Give whisperX our sentence rules in the files it would download, so that both split alike."""
    parameters = folder / "tokenizers" / "punkt_tab" / "english"
    parameters.mkdir(parents=True, exist_ok=True)
    (parameters / "abbrev_types.txt").write_text("\n".join(ABBREVIATIONS["en"].split()) + "\n")
    for empty in ("collocations.tab", "ortho_context.tab", "sent_starters.txt"):
        (parameters / empty).touch()
    if str(folder) not in nltk.data.path:
        nltk.data.path.insert(0, str(folder))


def whisperx_align(
    segments: Sequence[Segment], model: Any, ids: dict[str, int], sound: NDArray[np.float32], device: str
) -> list[dict[str, Any]]:
    """Return whisperX's own answer for `sound` (samples,), which it takes as floats."""
    from whisperx.alignment import align

    rows = [{"start": s.start, "end": s.end, "text": s.text, "avg_logprob": s.avg_logprob} for s in segments]
    metadata = {"language": "en", "dictionary": ids, "type": "huggingface"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer: list[dict[str, Any]] = align(rows, model, metadata, sound, device)["segments"]
    return answer


def agreement(theirs: list[dict[str, Any]], ours: tuple[Segment, ...]) -> str:
    """Return how many words start at the same time, and the largest difference; ends differ on purpose."""
    left = [word for segment in theirs for word in segment["words"] if "start" in word]
    right = [word for segment in ours for word in segment.words or () if word.start is not None]
    if [word["word"] for word in left] != [word.text for word in right]:
        return f"WORDS DIFFER: {len(left)} against {len(right)}"
    gaps = [abs(a["start"] - (b.start or 0)) for a, b in zip(left, right, strict=True)]
    within = sum(gap <= 0.0201 for gap in gaps)
    return f"{within} of {len(gaps)} words start within 20 ms, largest difference {1000 * max(gaps):.0f} ms"


def _whole_stage(scale: Scale, size: str, precision: str, seconds: float) -> Comparison:
    """Random weights stand for the cost of real ones; what less precision does to words the bundle shows."""
    network = wav2vec2(size).to(scale.device)
    samples, segments = long_meeting(seconds), chunks_of_text(seconds)
    sound = to_float32(samples)
    dtype = number_format(precision, scale.device, on_gpu=torch.float16)
    aligner = _aligner(HuggingFaceModel(network), scale, dtype)
    goal = 5.0 if scale.device == "cuda" else None
    return compare(
        f"align, whole stage, wav2vec2 {size} {_name(dtype)}, {len(segments)} segments of 25 s",
        lambda: whisperx_align(segments, network, letter_ids(), sound, scale.device),
        lambda: aligner.align(samples, segments, lambda: None),
        agreement if dtype == torch.float32 else lambda *_: "see the bundle's meeting",
        pairs=scale.pairs,
        goal=goal,
    )


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _bundle(scale: Scale, precision: str) -> Comparison:
    """The bundle's own aligner on the meeting: small networks, but real words."""
    from whisperx.alignment import load_align_model

    network, metadata = load_align_model("en", scale.device, model_name=str(DEMO / "aligner"))
    samples = long_meeting(75.0)
    sound = to_float32(samples)
    turns = json.loads((DEMO / "meeting.json").read_text(encoding="utf-8"))
    segments = spoken_chunks(turns["words"])
    aligner = Wav2Vec2Aligner.load(
        DEMO / "aligner", language="en", device=scale.device, batch_size=8, precision=precision
    )
    dtype = number_format(precision, scale.device, on_gpu=torch.float16)
    return compare(
        f"align, whole stage, the bundle's meeting, {_name(dtype)}",
        lambda: whisperx_align(segments, network, metadata["dictionary"], sound, scale.device),
        lambda: aligner.align(samples, segments, lambda: None),
        agreement,
        pairs=scale.pairs,
    )


def spoken_chunks(words: Sequence[dict[str, Any]], longest: float = 10.0) -> tuple[Segment, ...]:
    """Return the true words in stretches of at most `longest` seconds."""
    stretches: list[list[dict[str, Any]]] = [[]]
    for word in words:
        if stretches[-1] and word["end"] - stretches[-1][0]["start"] > longest:
            stretches.append([])
        stretches[-1].append(word)
    return tuple(
        Segment(max(0.0, s[0]["start"] - 0.1), s[-1]["end"] + 0.1, " ".join(word["word"] for word in s))
        for s in stretches
    )


class _RememberedForWhisperX(torch.nn.Module):
    """Answers with scores computed before, by the length of the sound."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def forward(self, _sound: Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.scores[None])


class _Remembered:
    """The same for our own aligner."""

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores

    def features(self, _samples: Tensor) -> Tensor:
        return self.scores

    def logits(self, features: Tensor, _lengths: Tensor | None) -> Tensor:
        return features


def _outside_the_network(scale: Scale, seconds: float) -> Comparison:
    samples, segments = long_meeting(seconds), chunks_of_text(seconds, CHUNK_SECONDS)
    sound = to_float32(samples)
    scores = torch.randn(
        int(CHUNK_SECONDS * 50) - 1, len(letter_ids()), generator=torch.Generator().manual_seed(1)
    )
    scores[:, 0] += 4.0  # most frames are blank, as a trained network's are
    aligner = _aligner(_Remembered(scores), scale, torch.float32)
    return compare(
        f"align, outside the network, {len(segments)} segments of {CHUNK_SECONDS:g} s",
        lambda: whisperx_align(segments, _RememberedForWhisperX(scores), letter_ids(), sound, "cpu"),
        lambda: aligner.align(samples, segments, lambda: None),
        agreement,
        pairs=scale.pairs,
        goal=15.0,
    )


def _aligner(model: AcousticModel, scale: Scale, dtype: torch.dtype) -> Wav2Vec2Aligner:
    device = "cpu" if isinstance(model, _Remembered) else scale.device
    batch_size = 1 if device == "cpu" else 8
    return Wav2Vec2Aligner(
        model,
        Vocabulary(letter_ids(), 0),
        language="en",
        device=device,
        batch_size=batch_size,
        dtype=dtype,
    )
