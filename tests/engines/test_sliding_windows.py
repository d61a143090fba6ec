"""Windows written to their place: what pyannote's Inference gives, value for value."""

import numpy as np
import pytest
import torch
from pyannote.audio import Inference

from app.audio.waveform import Waveform, to_float32
from app.engines.diarization.diarizer import PyannoteDiarizer
from app.engines.sliding_windows import window_scores
from app.engines.whisper.speech_network import STEP, SpeechNetwork
from app.errors import ClientLeft
from tests.engines.conftest import nothing, recordings, samples_of

SECONDS = [1.3, 5.0, 5.5, 12.34, 24.0]
"""Shorter than a window, one window, two, and with and without an incomplete last one."""


def sound_of(seconds: float) -> Waveform:
    return samples_of(recordings("conversation-en-*")[0])[: round(seconds * 16000)]


def as_file(sound: Waveform) -> dict[str, object]:
    return {"waveform": torch.from_numpy(to_float32(sound)).unsqueeze(0), "sample_rate": 16000}


@pytest.mark.parametrize("seconds", SECONDS)
def test_scores_of_windows_are_pyannotes(seconds: float, diarizer: PyannoteDiarizer) -> None:
    assert diarizer.stages is not None
    inference, sound = diarizer.stages.segmentation, sound_of(seconds)
    ours, theirs = window_scores(inference, sound, nothing), inference(as_file(sound))
    assert np.array_equal(ours.data, theirs.data)
    assert vars(ours.sliding_window) == vars(theirs.sliding_window)


@pytest.mark.parametrize("seconds", SECONDS)
def test_scores_of_speech_are_pyannotes(seconds: float) -> None:
    """Where every window is heard; windows that are left out change nothing of the others."""
    network, sound = SpeechNetwork.load("cpu"), sound_of(seconds)
    stock = Inference(
        network.inference.model,
        step=STEP,
        pre_aggregation_hook=lambda scores: np.max(scores, axis=-1, keepdims=True),
        batch_size=8,
    )
    windows = range(network.count(len(sound), whole=True))
    ours, theirs = network.joined(network.hear(sound, windows, nothing)), stock(as_file(sound))
    frames = min(len(ours.scores), len(theirs.data))
    assert frames >= len(theirs.data) - 1
    np.testing.assert_allclose(ours.scores[:frames], theirs.data[:frames, 0], atol=1e-5)
    assert ours.step == theirs.sliding_window.step


def test_a_client_that_leaves_ends_it_at_the_next_batch(diarizer: PyannoteDiarizer) -> None:
    batches = 0

    def leave() -> None:
        nonlocal batches
        batches += 1
        if batches == 2:
            raise ClientLeft

    assert diarizer.stages is not None
    with pytest.raises(ClientLeft):
        window_scores(diarizer.stages.segmentation, sound_of(24.0), leave)
    assert batches == 2
