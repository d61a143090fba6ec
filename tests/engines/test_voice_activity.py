"""Where somebody speaks, as two detectors find it together, and the chunks that are made of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.engines.diarization.diarizer import PyannoteDiarizer
from app.engines.interfaces import USUAL_BOUNDS, SpeakerCountRange, SpeechBounds, SpeechScores
from app.engines.whisper.silero import FRAME
from app.engines.whisper.speech_chunks import Chunk, chunks_of
from app.engines.whisper.speech_network import SpeechNetwork
from app.engines.whisper.transcriber import WhisperTranscriber
from app.engines.whisper.voice_activity import VoiceActivity
from tests.engines.conftest import DEMO, nothing, samples_of

EVERYWHERE = SpeechScores(np.ones(4000, dtype=np.float32), 0.01, 0.02)


class CountingWindows:
    """pyannote's Inference, which writes down how many windows it gets at a time."""

    def __init__(self, inference: Any) -> None:
        self._inference = inference
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inference, name)

    def infer(self, windows: Any) -> Any:
        self.batches.append(len(windows))
        return self._inference.infer(windows)


@pytest.fixture(scope="module")
def ears() -> VoiceActivity:
    return VoiceActivity.load("cpu")


@pytest.fixture
def counted(ears: VoiceActivity) -> CountingWindows:
    return CountingWindows(ears.network.inference)


def meeting(seconds: float) -> Waveform:
    return samples_of(DEMO / "meeting.flac")[: round(seconds * SAMPLE_RATE)]


def noise(level: float, seconds: float = 20) -> Waveform:
    random = np.random.default_rng(0).normal(size=round(seconds * SAMPLE_RATE))
    return (random * level * 32767).astype(np.int16)


def seconds_of(chunks: list[Chunk]) -> float:
    return sum(end - start for chunk in chunks for start, end in chunk["segments"])


@pytest.mark.parametrize("loudness", [0.3, 0.01])
def test_soft_speech_is_found_like_loud(loudness: float, ears: VoiceActivity) -> None:
    loud, soft = (ears.chunks(sound, 30.0, nothing) for sound in (meeting(30), scaled(meeting(30), loudness)))
    assert seconds_of(soft) == pytest.approx(seconds_of(loud), rel=0.1)


def scaled(sound: Waveform, loudness: float) -> Waveform:
    return np.round(sound * loudness).astype(np.int16)


@pytest.mark.parametrize("sound", [noise(0.1), noise(0.003), noise(0.0), noise(0.1, 0.5), noise(0, 0)])
def test_nobody_speaks_in_noise_and_silence(sound: Waveform, ears: VoiceActivity) -> None:
    assert ears.chunks(sound, 30.0, nothing) == []


def test_the_second_detector_is_asked_only_where_the_first_is_not_sure(
    ears: VoiceActivity, counted: CountingWindows
) -> None:
    asked = VoiceActivity(ears.silero, SpeechNetwork(counted))
    asked.chunks(noise(0.0, 30), 30.0, nothing)
    assert counted.batches == []
    asked.chunks(meeting(60), 30.0, nothing)
    assert sum(counted.batches) < 10, "clear speech needs one detector alone"


def test_the_second_detector_is_not_believed_where_the_first_hears_nothing_at_all(
    ears: VoiceActivity,
) -> None:
    """As with music, which the second one takes for speech."""
    assert ears.chunks(noise(0.003), 30.0, nothing, heard=EVERYWHERE) == []


def test_the_second_detector_is_believed_near_a_trace_of_speech(ears: VoiceActivity) -> None:
    sound = np.concatenate([noise(0.001, 10), meeting(4), noise(0.001, 10)])
    alone, together = (ears.chunks(sound, 30.0, nothing, heard=heard) for heard in (None, EVERYWHERE))
    assert seconds_of(alone) + 1.5 < seconds_of(together) < seconds_of(alone) + 5


def test_what_the_diarizer_heard_takes_the_place_of_the_second_network(
    ears: VoiceActivity, counted: CountingWindows, diarizer: PyannoteDiarizer
) -> None:
    sound = meeting(30)
    heard = diarizer.listen(sound, nothing)
    assert heard is not None
    found = VoiceActivity(ears.silero, SpeechNetwork(counted)).chunks(
        sound, 10.0, nothing, heard=heard.speech
    )
    assert counted.batches == []
    assert seconds_of(found) == pytest.approx(seconds_of(ears.chunks(sound, 10.0, nothing)), rel=0.1)


def test_the_diarizer_does_not_hear_a_recording_twice(diarizer: PyannoteDiarizer) -> None:
    sound, people = meeting(30), SpeakerCountRange()
    assert diarizer.stages is not None
    counted = CountingWindows(diarizer.stages.segmentation)
    watched = PyannoteDiarizer(diarizer.pipeline, replace(diarizer.stages, segmentation=counted), (32, 32))
    heard = watched.listen(sound, nothing)
    windows = sum(counted.batches)
    assert watched.diarize(sound, people, nothing, heard=heard) == diarizer.diarize(sound, people, nothing)
    assert sum(counted.batches) == windows > 0


def test_the_bounds_of_a_request_are_kept(ears: VoiceActivity) -> None:
    sound = meeting(30)
    usual, strict, narrow, wide = (
        seconds_of(ears.chunks(sound, 30.0, nothing, USUAL_BOUNDS.changed(**changed)))
        for changed in ({}, {"onset": 0.99, "offset": 0.98}, {"pad": 0.0}, {"pad": 0.4})
    )
    assert strict < usual
    assert narrow < usual < wide


def test_an_offset_above_the_onset_means_the_onset() -> None:
    assert USUAL_BOUNDS.changed(onset=0.2) == SpeechBounds(0.2, 0.2, USUAL_BOUNDS.pad)
    assert USUAL_BOUNDS.changed(offset=0.1, pad=0.0) == SpeechBounds(0.5, 0.1, 0.0)


def scores_of(*spans: tuple[float, float], seconds: float = 60.0) -> Any:
    """Return scores of 0.9 in these spans of seconds, and of 0.1 elsewhere."""
    times = (np.arange(round(seconds / FRAME)) + 0.5) * FRAME
    speaking = np.any([(start <= times) & (times < end) for start, end in spans], axis=0)
    return np.where(speaking, 0.9, 0.1).astype(np.float32)


def edges(chunks: list[Chunk]) -> list[tuple[float, float]]:
    return [(round(chunk["start"], 1), round(chunk["end"], 1)) for chunk in chunks]


def test_chunks_get_a_little_of_the_sound_around_them() -> None:
    assert edges(chunks_of(scores_of((1, 2)), USUAL_BOUNDS, 60.0, 30.0)) == [(0.8, 2.2)]
    assert edges(chunks_of(scores_of((0, 2), seconds=2), USUAL_BOUNDS, 1.98, 30.0)) == [(0.0, 2.0)]
    assert chunks_of(scores_of((1, 2))[:0], USUAL_BOUNDS, 0.0, 30.0) == []


def test_short_pauses_do_not_end_speech_and_chunks_are_filled() -> None:
    (chunk,) = chunks_of(scores_of((1, 2), (2.3, 4), (8, 9)), USUAL_BOUNDS, 60.0, 30.0)
    assert [(round(start, 1), round(end, 1)) for start, end in chunk["segments"]] == [(0.8, 4.2), (7.8, 9.2)]
    assert edges(chunks_of(scores_of((1, 9), (12, 19)), USUAL_BOUNDS, 60.0, 10.0)) == [
        (0.8, 9.2),
        (11.8, 19.2),
    ]


def test_half_a_minute_of_speech_is_one_chunk() -> None:
    """Though it does not end with a frame."""
    assert edges(chunks_of(scores_of((0, 30), seconds=30.016), USUAL_BOUNDS, 30.0, 30.0)) == [(0.0, 30.0)]


def test_speech_without_a_pause_is_cut_where_it_is_least_sure() -> None:
    endless = scores_of((0, 60))
    endless[round(17 / FRAME)] = 0.6
    chunks = edges(chunks_of(endless, USUAL_BOUNDS, 60.0, 30.0))
    assert chunks[0] == (0.0, 17.0)
    assert all(end - start <= 30.0 for start, end in chunks)
    assert [end for _, end in chunks[:-1]] == [start for start, _ in chunks[1:]]


@pytest.mark.parametrize(
    ("seconds", "longest"), [(0.0, 10), (3, 10), (31, 10), (62, 5), (150, 30), (200, 10)]
)
def test_speech_found_bit_by_bit_is_the_speech_found_at_once(
    ears: VoiceActivity, seconds: float, longest: float
) -> None:
    samples = np.tile(meeting(64), 4)[: int(seconds * SAMPLE_RATE)]
    bits = list(ears.chunks_as_found(samples, longest, nothing))
    assert [chunk for bit in bits for chunk in bit] == ears.chunks(samples, longest, nothing)
    assert len(bits) >= (2 if seconds > 60 else 0)


@pytest.mark.parametrize(("share", "windows"), [(1.0, 8), (0.5, 4), (0.125, 1), (0.01, 1)])
def test_speech_is_looked_for_in_smaller_batches_where_memory_is_short(
    share: float, windows: int, counted: CountingWindows, ears: VoiceActivity
) -> None:
    less = VoiceActivity(ears.silero, SpeechNetwork(counted, 8)).with_smaller_batches(share)
    found = less.network.hear(meeting(20), range(12), nothing)
    assert max(counted.batches) == windows
    for window, scores in ears.network.hear(meeting(20), range(12), nothing).items():
        np.testing.assert_allclose(found[window], scores, atol=1e-5)


@pytest.mark.parametrize(("asked", "windows"), [(None, 8), (3, 3)])
def test_the_operators_number_of_windows_reaches_the_search_for_speech(
    asked: int | None, windows: int
) -> None:
    loaded = WhisperTranscriber.load(
        DEMO / "whisper",
        device="cpu",
        compute_type="int8",
        batch_size=2,
        cpu_threads=0,
        chunk_seconds=10.0,
        speech_batch_size=asked,
    )
    assert loaded.voice_activity.network.batch_size == windows
