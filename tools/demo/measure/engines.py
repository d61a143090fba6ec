"""The engines as the product runs them: whisperX over CTranslate2, wav2vec2 alignment, pyannote."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    """The three engines on one bundle folder; nothing is downloaded."""

    def __init__(self, bundle: Path) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read when the libraries are first imported
        import whisperx
        import whisperx.alignment
        from nltk.tokenize.punkt import PunktSentenceTokenizer
        from whisperx.diarize import DiarizationPipeline

        whisperx.alignment.nltk_load = lambda _: PunktSentenceTokenizer()  # its sentences are not measured
        self._bundle = bundle
        self._align = whisperx.align
        self._whisper = whisperx.load_model(
            str(bundle / "whisper"), device="cpu", compute_type="int8", threads=THREADS, local_files_only=True
        )
        self._aligner, self._aligner_data = whisperx.load_align_model(
            "en", "cpu", model_name=str(bundle / "aligner")
        )
        self._diarizer = DiarizationPipeline(model_name=str(bundle / "diarization"), device="cpu")

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
        answer = self._align(asked, self._aligner, self._aligner_data, audio, "cpu")
        return [
            SpokenWord(word["word"], word.get("start", -1.0), word.get("end", -1.0), "start" in word)
            for word in answer["word_segments"]
        ]

    def diarize(self, audio: np.ndarray) -> tuple[list[HeardTurn], list[HeardTurn]]:
        """Turns, which may overlap, and exclusive turns, which do not."""
        import torch

        answer = self._diarizer.model({"waveform": torch.from_numpy(audio[None]), "sample_rate": SAMPLE_RATE})
        return _turns(answer.speaker_diarization), _turns(answer.exclusive_speaker_diarization)


def _turns(annotation: object) -> list[HeardTurn]:
    tracks = annotation.itertracks(yield_label=True)  # type: ignore[attr-defined]
    return [HeardTurn(segment.start, segment.end, label) for segment, _, label in tracks]
