"""Voice vectors of a meeting as long as wanted, made from those of short recordings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from pyannote.core import SlidingWindow, SlidingWindowFeature

from app.audio import Waveform


def voices_of_a_long_meeting(
    diarizer: Any, sounds: Sequence[Waveform], repeats: int
) -> tuple[np.ndarray, SlidingWindowFeature]:
    """Return vectors (windows, speakers, dimension) and activity of `sounds` said `repeats` times over.

    Each repetition moves every vector a little, by a tenth of the spread of all, so that none comes twice.
    """
    parts = [_vectors(diarizer, sound) for sound in sounds]
    vectors = np.concatenate([part[0] for part in parts])
    activity = np.concatenate([part[1] for part in parts])
    rng = np.random.default_rng(7)
    moved = [vectors + rng.normal(0, 0.1 * vectors.std(axis=(0, 1)), vectors.shape) for _ in range(repeats)]
    window = SlidingWindow(duration=10.0, step=1.0)
    repeated = np.concatenate([activity] * repeats)
    return np.concatenate(moved).astype(np.float32), SlidingWindowFeature(repeated, window)


def _vectors(diarizer: Any, sound: Waveform) -> tuple[np.ndarray, np.ndarray]:
    stages = diarizer.stages
    scores, activity = stages.activity_of(torch.from_numpy(sound), lambda: None)
    windows = stages.windows_of(scores, activity)
    return stages.voiceprints.extract(torch.from_numpy(sound), windows, lambda: None), activity
