"""What every synthesiser returns."""

from dataclasses import dataclass

import numpy as np
import soxr

SAMPLE_RATE = 16_000  # Hz, of everything in the bundle


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word with its times in seconds; `exact` is False where the synthesiser gave only an estimate."""

    text: str
    start: float
    end: float
    exact: bool = True

    def shifted(self, seconds: float) -> "SpokenWord":
        return SpokenWord(self.text, self.start + seconds, self.end + seconds, self.exact)


@dataclass(frozen=True, slots=True)
class Speech:
    """`audio`: float32 mono at 16 kHz; `words`: in order, not overlapping."""

    audio: np.ndarray
    words: tuple[SpokenWord, ...]

    def cut_to_words(self, margin: float) -> "Speech":
        """Without the silence outside of `margin` seconds around the words; times count from the cut."""
        start = max(0.0, self.words[0].start - margin)
        end = min(len(self.audio) / SAMPLE_RATE, self.words[-1].end + margin)
        audio = self.audio[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
        return Speech(audio, tuple(word.shifted(-start) for word in self.words))

    def scaled_to(self, peak: float) -> "Speech":
        """With its largest sample at `peak`."""
        return Speech(self.audio / (np.abs(self.audio).max() + 1e-6) * peak, self.words)


def resample(audio: np.ndarray, rate: int) -> np.ndarray:
    """16 kHz float32 from int16 or float samples at `rate` Hz."""
    if audio.dtype == np.int16:
        audio = audio.astype(np.float32) / 32768
    return audio if rate == SAMPLE_RATE else soxr.resample(audio, rate, SAMPLE_RATE).astype(np.float32)


def without_overlaps(words: list[SpokenWord]) -> tuple[SpokenWord, ...]:
    """Each end clamped to the next word's start: synthesisers get some first words' ends wrong."""
    ends = [following.start for following in words[1:]] + [float("inf")]
    return tuple(
        SpokenWord(w.text, w.start, min(w.end, end), w.exact) for w, end in zip(words, ends, strict=True)
    )
