"""Recordings as long as a measurement needs, made of the bundle's meeting."""

import json
from pathlib import Path

import numpy as np
import soundfile

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.transcript import Segment

DEMO = Path(__file__).parent.parent / "app" / "demo"


def meeting() -> Waveform:
    """Return the sample meeting."""
    samples, _ = soundfile.read(DEMO / "meeting.flac", dtype="int16")
    return np.ascontiguousarray(samples)


def long_meeting(seconds: float) -> Waveform:
    """Return the meeting over and over, each time a little louder or softer, cut at `seconds`."""
    once = meeting()
    rng = np.random.default_rng(0)
    long = np.empty(int(seconds * SAMPLE_RATE), dtype=np.int16)
    for start in range(0, len(long), len(once)):
        piece = long[start : start + len(once)]
        piece[:] = once[: len(piece)] * np.float32(rng.uniform(0.7, 1.0))
    return long


def chunks_of_text(
    seconds: float, chunk: float = 25.0, letters_per_second: float = 14.0
) -> tuple[Segment, ...]:
    """Return a segment per `chunk` seconds up to `seconds`, with as much text as people say in that time."""
    words = json.loads((DEMO / "meeting.json").read_text(encoding="utf-8"))["text"].split()
    segments, place = [], 0
    for number in range(int(seconds // chunk)):
        text = ""
        while len(text) < chunk * letters_per_second:
            text = f"{text} {words[place % len(words)]}".strip()
            place += 1
        segments.append(Segment(number * chunk, (number + 1) * chunk, text, avg_logprob=-0.2))
    return tuple(segments)
