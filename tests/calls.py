"""Calls with one person per channel, made of conversations whose words are known."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from tests.truth import load_truth

RATE = 16000
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Call:
    """One person per channel."""

    channels: Sound
    """Shape (2, samples): each person alone."""
    words: tuple[list[dict[str, Any]], list[dict[str, Any]]]
    """What is said on each, in order."""

    def with_cross_talk(self, decibels: float = -25.0, delay_seconds: float = 0.05) -> Sound:
        """Return both channels, each with the other one on it, quieter and later."""
        late = round(delay_seconds * RATE)
        other = np.zeros_like(self.channels)
        other[:, late:] = self.channels[::-1, :-late]
        return self.channels + np.float32(10 ** (decibels / 20)) * other

    @property
    def overlap(self) -> float:
        """Return for what share of the time in which somebody speaks both do."""
        spoken = np.abs(self.channels).reshape(2, -1, RATE // 50).max(axis=2) > 0.01
        return float(spoken.all(axis=0).sum() / spoken.any(axis=0).sum())


def make_call(recording: Path, *, turns: int, overlap: float = 0.2) -> Call:
    """Return a call of the first turns of `recording`; each begins before the one before it has ended."""
    truth = load_truth(recording)
    samples, _ = soundfile.read(recording, dtype="float32")
    names = sorted({turn["speaker"] for turn in truth["turns"]})[:2]
    chosen = [turn for turn in truth["turns"] if turn["speaker"] in names][:turns]
    channels = np.zeros((2, len(samples)), np.float32)
    words: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    end, length, on_channel = RATE // 2, 0, -1
    for turn in chosen:
        number = names.index(turn["speaker"])
        piece = samples[round((turn["start"] - 0.1) * RATE) : round((turn["end"] + 0.1) * RATE)]
        shared = round(overlap * min(len(piece), length)) if number != on_channel else -RATE // 4
        begin = max(0, end - shared)
        channels[number, begin : begin + len(piece)] += piece
        words[number].extend(
            word for word in truth["words"] if turn["start"] - 0.05 <= word["start"] < turn["end"]
        )
        end, length, on_channel = begin + len(piece), len(piece), number
    whole = -(-(end + RATE) // RATE) * RATE
    noise = np.random.default_rng(0).normal(0, 3e-4, (2, whole)).astype(np.float32)
    padded = np.pad(channels, ((0, 0), (0, max(0, whole - channels.shape[1]))))[:, :whole]
    return Call(padded + noise, words)


def flac(sound: Sound, form: str = "FLAC") -> bytes:
    """Return channels, shape (channels, samples) or (samples,), as a file."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(sound, -1, 1).T, RATE, format=form)
    return file.getvalue()
