"""e) Time and peak memory from half an hour to ten hours.

The networks' cost per second of audio is constant; what may grow faster is all that surrounds them. Here
their output is remembered from the meeting and repeated, with the voices varied, and everything else is
real: placing characters, aggregating speakers, clustering, turns, assigning speakers, writing the answer.
"""

import itertools
import json
import multiprocessing
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.diarization.diarizer import PyannoteDiarizer, with_speaker_labels
from app.engines.diarization.embeddings import Windows
from app.engines.interfaces import SpeakerCountRange
from app.formats import FORMATS, CueLayout
from app.speakers import assign_speakers
from app.transcript import Transcript
from benchmarks.align import spoken_chunks
from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from benchmarks.sounds import DEMO, meeting

HOURS = (0.5, 1.0, 3.0, 6.0, 10.0)


def run(scale: Scale) -> list[Figure]:
    """Return seconds per hour of audio and memory above the waveform for each length."""
    remembered = _remember()
    figures = []
    per_hour: dict[float, float] = {}
    for hours in (0.1, 0.5) if scale.quick else HOURS:
        seconds, megabytes = _in_its_own_process(remembered, hours)
        per_hour[hours] = seconds["all"] / hours
        parts = ", ".join(f"{name} {spent:.2f} s" for name, spent in seconds.items() if name != "all")
        figures.append(
            Figure(f"growth, {hours:g} h: outside the networks", per_hour[hours], "s per hour", parts)
        )
        goal = "<= 1024 MB" if hours == 3.0 else None
        figures.append(Figure(f"growth, {hours:g} h: peak above the waveform", megabytes, "MB", goal=goal))
    first, last = (0.1, 0.5) if scale.quick else (1.0, 10.0)
    ratio = per_hour[last] / per_hour[first]
    figures.append(
        Figure(f"growth, {last:g} h against {first:g} h, time per hour", ratio, "x", goal="<= 1.15")
    )
    return figures


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the networks say about the meeting."""

    scores: np.ndarray
    vectors: np.ndarray
    seconds: float
    """How much of the meeting the whole windows cover."""


def _load() -> PyannoteDiarizer:
    return PyannoteDiarizer.load(
        DEMO / "diarization",
        device="cpu",
        segmentation_batch_size=32,
        embedding_batch_size=32,
        precision="float32",
        clustering_threshold=None,
        min_duration_off=None,
    )


def _remember() -> Remembered:
    stages = _load().stages
    assert stages is not None
    sound = meeting()
    segmented = stages.segment(sound, lambda: None)
    vectors = stages.embedding_extractor.extract(sound, stages.embedding_windows(segmented), lambda: None)
    assert isinstance(segmented.scores, np.ndarray)
    return Remembered(segmented.scores, vectors, len(vectors) * segmented.sliding_window.step)


class _Segmentation:
    """Stands in for the segmentation network: the remembered scores over and over."""

    def __init__(self, real: Any, remembered: Remembered) -> None:
        self.model, self.duration, self.step = real.model, real.duration, real.step
        self.batch_size = 8
        self._scores = itertools.cycle(remembered.scores)

    def infer(self, windows: torch.Tensor) -> np.ndarray:
        return np.stack(list(itertools.islice(self._scores, len(windows))))


class _EmbeddingExtractor:
    """Stands in for the embedding network: the remembered vectors, varied each time."""

    def __init__(self, remembered: Remembered) -> None:
        self._vectors = remembered.vectors
        self.dimension = remembered.vectors.shape[2]

    def extract(self, _sound: Waveform, windows: Windows, checkpoint: Any) -> np.ndarray:
        checkpoint()
        rng = np.random.default_rng(1)
        spread = 0.05 * np.nanstd(self._vectors, axis=(0, 1)).astype(np.float32)
        count = len(windows.starts)
        vectors = np.empty((count, *self._vectors.shape[1:]), np.float32)
        for start in range(0, count, len(self._vectors)):
            part = vectors[start : start + len(self._vectors)]
            part[:] = self._vectors[: len(part)] + rng.standard_normal(part.shape, np.float32) * spread
        return vectors


def _measure(remembered: Remembered, hours: float, answer: Connection) -> None:
    # Ones touch every page, so that the waveform counts as there already.
    waveform = np.ones(int(hours * 3600 * SAMPLE_RATE), np.int16)
    diarizer = _load()
    stages = diarizer.stages
    assert stages is not None
    object.__setattr__(stages, "segmentation", _Segmentation(stages.segmentation, remembered))
    object.__setattr__(stages, "embedding_extractor", _EmbeddingExtractor(remembered))
    aligner = Wav2Vec2Aligner.load(
        DEMO / "aligner", language="en", device="cpu", batch_size=1, precision="float32"
    )
    aligner._model = _SilentModel(1 + max(aligner._vocabulary.ids.values()))
    segments = _segments(hours, remembered.seconds)
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    marks = [time.perf_counter()]
    diarization = with_speaker_labels(stages.run(waveform, SpeakerCountRange(), lambda: None))
    marks.append(time.perf_counter())
    aligned = aligner.align(waveform, segments, lambda: None)
    marks.append(time.perf_counter())
    spoken = assign_speakers(aligned, diarization.turns)
    marks.append(time.perf_counter())
    transcript = Transcript(spoken, "en", hours * 3600, "demo", diarization.embeddings)
    answers = {name: FORMATS[name].render(transcript, CueLayout()) for name in ("json", "srt")}
    marks.append(time.perf_counter())
    peak = _memory("VmHWM")
    assert all(answers.values())
    names = ("diarize", "align", "assign speakers", "write")
    seconds = {name: after - start for name, start, after in zip(names, marks, marks[1:], strict=False)}
    answer.send(({"all": marks[-1] - marks[0]} | seconds, peak - before))


def _memory(field: str) -> float:
    """Return a line of this process's memory status, in megabytes."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(field))


class _SilentModel:
    """Scores of a network that hears nothing in particular, one frame per 20 ms."""

    def __init__(self, size: int) -> None:
        self._scores = torch.randn(1600, size, generator=torch.Generator().manual_seed(0))

    def features(self, samples: torch.Tensor) -> torch.Tensor:
        return self._scores[: max(1, len(samples) // 320)]

    def logits(self, features: torch.Tensor, _lengths: torch.Tensor | None) -> torch.Tensor:
        return features


def _segments(hours: float, period: float) -> Any:
    words = json.loads((DEMO / "meeting.json").read_text(encoding="utf-8"))["words"]
    once = [chunk for chunk in spoken_chunks(words) if chunk.end < period]
    return tuple(
        replace(chunk, start=chunk.start + offset, end=chunk.end + offset)
        for offset in np.arange(0, hours * 3600 - period, period)
        for chunk in once
    )


def _in_its_own_process(remembered: Remembered, hours: float) -> tuple[dict[str, float], float]:
    """Return what `_measure` finds; a fresh process, so that nothing is left from the length before."""
    spawn = multiprocessing.get_context("spawn")
    receiving, sending = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_measure, args=(remembered, hours, sending))
    process.start()
    sending.close()
    measured: tuple[dict[str, float], float] = receiving.recv()
    process.join()
    return measured
