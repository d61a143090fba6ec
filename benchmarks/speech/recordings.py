"""What one set holds: recordings with what is true of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.transcript import Seconds
from benchmarks.speech.clips import Clip, samples_of

PAUSE: Seconds = 0.4
"""Silence between the clips of a mix."""
_AUDIBLE = 0.03
"""Share of a clip's highest level from which on a frame of 20 ms is heard: 30 dB below it."""
_FRAME = SAMPLE_RATE // 50


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a recording in which something is said."""

    start: Seconds
    end: Seconds
    language: str
    text: str | None = None
    english: str | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """Something to listen to; its samples are made when they are asked for."""

    name: str
    samples: Callable[[], Waveform] = field(repr=False)
    passages: tuple[Passage, ...] = ()
    """What is said, in order of time; none: nothing is."""

    @property
    def languages(self) -> set[str]:
        return {passage.language for passage in self.passages}

    @property
    def text(self) -> str:
        return " ".join(passage.text or "" for passage in self.passages)

    @property
    def english(self) -> str:
        return " ".join(passage.english or "" for passage in self.passages)


@dataclass(frozen=True, slots=True)
class SpeechSet:
    """Recordings that are measured alike, and what is asked of the systems."""

    name: str
    measures: tuple[str, ...]
    """Of what measures.py knows."""
    recordings: tuple[Recording, ...]
    language: str | None = None
    """Given to the systems; None: they are to find out."""
    task: str = "transcribe"
    word_times: bool = False
    references: bool = True
    """Whether the libraries are measured too."""


def mix(name: str, clips: Sequence[Clip]) -> Recording:
    """Return `clips` one after the other; their borders are the first and last sounds that are audible."""
    passages, start = [], 0.0
    for clip in clips:
        sound = samples_of(clip.file)
        first, last = audible(sound)
        passages.append(Passage(start + first, start + last, clip.language, clip.text, clip.english))
        start += len(sound) / SAMPLE_RATE + PAUSE
    return Recording(name, lambda: _joined(clips), tuple(passages))


def audible(sound: Waveform) -> tuple[Seconds, Seconds]:
    """Return when the first sound begins and the last one ends."""
    whole = sound[: len(sound) // _FRAME * _FRAME].astype(np.float32).reshape(-1, _FRAME)
    levels = np.sqrt(np.mean(whole * whole, axis=1))
    heard = np.flatnonzero(levels > _AUDIBLE * levels.max(initial=0.0))
    if len(heard) == 0:
        return 0.0, len(sound) / SAMPLE_RATE
    return float(heard[0]) / 50, float(heard[-1] + 1) / 50


def _joined(clips: Sequence[Clip]) -> Waveform:
    pause = np.zeros(round(PAUSE * SAMPLE_RATE), dtype=np.int16)
    return np.concatenate([part for clip in clips for part in (samples_of(clip.file), pause)])
