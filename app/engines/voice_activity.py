"""Where somebody speaks: whisperX's voice activity detection, with the checkpoint inside its wheel."""

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch

from app.audio import SAMPLE_RATE, Waveform
from app.engines import Checkpoint
from app.engines.third_party import pyannote_audio, whisperx_vads

ONSET = 0.5
OFFSET = 0.363


class Chunk(TypedDict):
    """A stretch of speech to decode at once, in whisperX's own form; times in seconds."""

    start: float
    end: float
    segments: list[tuple[float, float]]


class VoiceActivity:
    """Finds the speech chunks of a recording; usable from several threads at once."""

    def __init__(self, inference: "pyannote_audio.Inference") -> None:
        self._inference = inference

    @classmethod
    def load(cls, device: str) -> "VoiceActivity":
        """Load the segmentation checkpoint that the whisperX wheel carries; nothing is downloaded."""
        checkpoint = Path(whisperx_vads.__file__).parent.parent / "assets" / "pytorch_model.bin"
        model = pyannote_audio.Model.from_pretrained(checkpoint)
        inference = pyannote_audio.Inference(
            model,
            pre_aggregation_hook=lambda scores: np.max(scores, axis=-1, keepdims=True),
            device=torch.device(device),
        )
        return cls(inference)

    def chunks(self, waveform: Waveform, chunk_seconds: float, checkpoint: Checkpoint) -> list[Chunk]:
        """Return the speech of `waveform` (samples,) in chunks of at most `chunk_seconds`, if any."""

        def passed(**_: int) -> None:
            checkpoint()

        if len(waveform) == 0:
            return []
        samples = torch.from_numpy(waveform).unsqueeze(0)
        scores = self._inference({"waveform": samples, "sample_rate": SAMPLE_RATE}, hook=passed)
        if len(scores) < 2:
            return []
        chunks: list[Chunk] = whisperx_vads.Pyannote.merge_chunks(
            scores, chunk_seconds, onset=ONSET, offset=OFFSET
        )
        return chunks


class GivenChunks(whisperx_vads.Vad):  # type: ignore[misc]
    """A whisperX voice activity detector that returns chunks found before."""

    def __init__(self, chunks: list[Chunk]) -> None:
        super().__init__(ONSET)
        self._chunks = chunks

    def __call__(self, _audio: object) -> list[Chunk]:
        """Return the chunks, whatever the recording is."""
        return self._chunks

    @staticmethod
    def preprocess_audio(audio: Waveform) -> Waveform:
        """Return `audio` as it is."""
        return audio

    @staticmethod
    def merge_chunks(segments: list[Chunk], *_: float, **__: float) -> list[Chunk]:
        """Return `segments` as they are: they were merged when they were found."""
        return segments
