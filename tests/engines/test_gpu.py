"""On a GPU, in half precision, the answers are those of the CPU."""

import pytest
import torch

from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.diarization.diarizer import PyannoteDiarizer
from app.engines.interfaces import SpeakerCountRange, TranscriptionRequest
from app.engines.whisper.transcriber import WhisperTranscriber
from tests.engines.conftest import DEMO, nothing, recordings, samples_of
from tests.engines.test_wav2vec2 import Heard, aligned_words

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
FRAME_SECONDS = 0.0201
SEGMENTATION_FRAME_SECONDS = 0.0169


def test_half_precision_moves_no_word_by_more_than_a_frame(
    heard: Heard, english_aligner: Wav2Vec2Aligner
) -> None:
    on_gpu = Wav2Vec2Aligner.load(
        DEMO / "aligner", language="en", device="cuda", batch_size=8, precision="auto"
    )
    for path in recordings("conversation-en-*"):
        segments = heard(path).segments
        expected = aligned_words(english_aligner.align(samples_of(path), segments, nothing))
        found = aligned_words(on_gpu.align(samples_of(path), segments, nothing))
        for word, other in zip(found, expected, strict=True):
            assert word["start"] == pytest.approx(other["start"], abs=FRAME_SECONDS)
            assert word["end"] == pytest.approx(other["end"], abs=FRAME_SECONDS)


def test_float16_decoding_hears_the_same_words(heard: Heard) -> None:
    on_gpu = WhisperTranscriber.load(
        DEMO / "whisper",
        device="cuda",
        compute_type="float16",
        batch_size=16,
        cpu_threads=0,
        chunk_seconds=10.0,
    )
    path = recordings("conversation-en-*")[0]
    found = on_gpu.transcribe(samples_of(path), TranscriptionRequest(), nothing)
    assert found.language == "en"
    assert len(found.segments) == len(heard(path).segments)


@pytest.mark.parametrize("precision", ["float32", "auto", "bfloat16"])
def test_turns_are_those_of_the_cpu(precision: str, diarizer: PyannoteDiarizer) -> None:
    on_gpu = PyannoteDiarizer.load(
        DEMO / "diarization",
        device="cuda",
        segmentation_batch_size=32,
        embedding_batch_size=32,
        precision=precision,
        clustering_threshold=None,
        min_duration_off=None,
    )
    sound = samples_of(recordings("conversation-en-3-voices-*")[0])
    expected = diarizer.diarize(sound, SpeakerCountRange(), nothing).turns
    found = on_gpu.diarize(sound, SpeakerCountRange(), nothing).turns
    assert [turn.speaker for turn in found] == [turn.speaker for turn in expected]
    for turn, other in zip(found, expected, strict=True):
        # Rounding differs between devices: a score at the threshold may fall on the other side for a frame.
        assert turn.start == pytest.approx(other.start, abs=SEGMENTATION_FRAME_SECONDS)
        assert turn.end == pytest.approx(other.end, abs=SEGMENTATION_FRAME_SECONDS)
