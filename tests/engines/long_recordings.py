"""Voice vectors of a meeting as long as wanted, made from those of short recordings."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.audio.waveform import Waveform
from app.engines.diarization.speaker_activity import SpeakerActivity


def voices_of_a_long_meeting(
    diarizer: Any, sounds: Sequence[Waveform], repeats: int
) -> tuple[np.ndarray, SpeakerActivity]:
    """Return vectors (windows, speakers, dimension) and activity of `sounds` said `repeats` times over.

    Each repetition moves every vector a little, by a tenth of the spread of all, so that none comes twice.
    """
    parts = [_vectors(diarizer, sound) for sound in sounds]
    vectors = np.concatenate([part[0] for part in parts])
    activity = SpeakerActivity.concatenate([part[1] for part in parts] * repeats)
    rng = np.random.default_rng(7)
    moved = [vectors + rng.normal(0, 0.1 * vectors.std(axis=(0, 1)), vectors.shape) for _ in range(repeats)]
    return np.concatenate(moved).astype(np.float32), activity


def _vectors(diarizer: Any, sound: Waveform) -> tuple[np.ndarray, SpeakerActivity]:
    stages = diarizer.stages
    segmented = stages.segment(sound, lambda: None)
    windows = stages.embedding_windows(segmented)
    return stages.embedding_extractor.extract(sound, windows, lambda: None), segmented.activity
