"""The engines as the product runs them: whisperX over CTranslate2, wav2vec2 alignment, pyannote."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tools.demo.synthesis.speech import SAMPLE_RATE, SpokenWord

CHUNK_SECONDS = 10  # the bundle's own chunk length
BATCH_SIZE, THREADS = 4, 2


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript: `segments` are (start, end, text), times in seconds."""

    language: str
    segments: tuple[tuple[float, float, str], ...]

    @property
    def text(self) -> str:
        return " ".join(text.strip() for _, _, text in self.segments)


@dataclass(frozen=True, slots=True)
class HeardTurn:
    start: float
    end: float
    speaker: str


class Engines:
    """The three engines on one bundle folder, loaded at first use; nothing is downloaded."""

    def __init__(self, bundle: Path) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are first imported
        self._bundle = bundle

    @cached_property
    def _whisper(self) -> Any:
        import whisperx

        folder = str(self._bundle / "whisper")
        return whisperx.load_model(
            folder, device="cpu", compute_type="int8", threads=THREADS, local_files_only=True
        )

    @cached_property
    def _aligner(self) -> tuple[Any, Any]:
        import whisperx
        import whisperx.alignment
        from nltk.tokenize.punkt import PunktSentenceTokenizer

        whisperx.alignment.nltk_load = lambda _: PunktSentenceTokenizer()  # its sentences are not measured
        return whisperx.load_align_model("en", "cpu", model_name=str(self._bundle / "aligner"))

    @cached_property
    def _diarizer(self) -> Any:
        from whisperx.diarize import DiarizationPipeline

        return DiarizationPipeline(model_name=str(self._bundle / "diarization"), device="cpu").model

    def transcribe(
        self,
        audio: np.ndarray,
        language: str | None = None,
        task: str = "transcribe",
        *,
        chunk_seconds: int = CHUNK_SECONDS,
        prompt: str | None = None,
        hotwords: str | None = None,
    ) -> Heard:
        """`audio`: float32 mono at 16 kHz; without a language it is detected."""
        self._whisper.options.initial_prompt = prompt
        self._whisper.options.hotwords = hotwords
        answer = self._whisper.transcribe(
            audio, batch_size=BATCH_SIZE, language=language, task=task, chunk_size=chunk_seconds
        )
        segments = tuple(
            (segment["start"], segment["end"], segment["text"]) for segment in answer["segments"]
        )
        return Heard(answer["language"], segments)

    def align(self, segments: Sequence[tuple[float, float, str]], audio: np.ndarray) -> list[SpokenWord]:
        """Words with times; `exact` is False for those that could not be placed."""
        asked = [{"start": start, "end": end, "text": text} for start, end, text in segments]
        from whisperx import align

        answer = align(asked, *self._aligner, audio, "cpu")
        return [
            SpokenWord(word["word"], word.get("start", -1.0), word.get("end", -1.0), "start" in word)
            for word in answer["word_segments"]
        ]

    def diarize(self, audio: np.ndarray) -> tuple[list[HeardTurn], list[HeardTurn]]:
        """Turns, which may overlap, and exclusive turns, which do not."""
        import torch

        answer = self._diarizer({"waveform": torch.from_numpy(audio[None]), "sample_rate": SAMPLE_RATE})
        return _turns(answer.speaker_diarization), _turns(answer.exclusive_speaker_diarization)


def _turns(annotation: Any) -> list[HeardTurn]:
    tracks = annotation.itertracks(yield_label=True)
    return [HeardTurn(segment.start, segment.end, label) for segment, _, label in tracks]
