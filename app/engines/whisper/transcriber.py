"""Speech to text with Whisper: whisperX's batched pipeline over faster-whisper and CTranslate2."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.failures import engine_errors
from app.engines.interfaces import Transcription, TranscriptionRequest
from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.libraries import whisper_tokenizer, whisper_transcribe
from app.engines.whisper.batched_decoding import RequestPipeline
from app.engines.whisper.generation import Detail, Generator
from app.engines.whisper.language_detection import guess_language
from app.engines.whisper.model import WhisperModel
from app.engines.whisper.prompt import fit_prompts
from app.engines.whisper.voice_activity import Chunk, VoiceActivity
from app.events import Listener, nobody_listens
from app.models.model_spec import Abilities
from app.options.languages import LANGUAGES, UNDETERMINED
from app.stage import Stage
from app.transcript import LanguageGuess, Segment

_DETECTION_WINDOW = 300 * SAMPLE_RATE
"""Speech is looked for in stretches of five minutes when only the language is wanted."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What may be asked of one model."""

    name: str = "whisper"
    abilities: Abilities = field(default_factory=Abilities)
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Codes of those that are detected."""


class WhisperTranscriber:
    """Whisper over shared weights; every request gets an object of its own for what it sets."""

    def __init__(
        self,
        model: WhisperModel,
        voice_activity: VoiceActivity,
        *,
        batch_size: int,
        chunk_seconds: float,
        scope: Scope = Scope(),
    ) -> None:
        self._model = model
        self._voice_activity = voice_activity
        self._batch_size = batch_size
        self._chunk_seconds = chunk_seconds
        self._scope = scope

    @classmethod
    def load(
        cls,
        source: Path,
        *,
        device: str,
        compute_type: str,
        batch_size: int,
        cpu_threads: int,
        chunk_seconds: float,
        speech_batch_size: int | None = None,
        scope: Scope = Scope(),
    ) -> "WhisperTranscriber":
        """Load the CTranslate2 model in directory `source`; nothing is downloaded.

        Args:
            device: "cpu" or "cuda".
            compute_type: CTranslate2's name of the number format, such as int8 or float16.
            cpu_threads: threads on CPU; 0 takes every core.
            chunk_seconds: longest stretch of speech that is decoded at once.
            speech_batch_size: windows in which speech is looked for together; None: as many as suit `device`.
            scope: what may be asked of it.
        """
        model = WhisperModel(
            str(source),
            device=device,
            compute_type=compute_type,
            cpu_threads=cpu_threads or torch.get_num_threads(),
            local_files_only=True,
        )
        if not model.model.is_multilingual:
            scope = replace(scope, abilities=Abilities(english_only=True, translates=False))
        voice_activity = VoiceActivity.load(device, speech_batch_size)
        return cls(model, voice_activity, batch_size=batch_size, chunk_seconds=chunk_seconds, scope=scope)

    def with_batch_size(self, batch_size: int) -> "WhisperTranscriber":
        """Return a view over the same weights that decodes `batch_size` chunks at a time.

        Where that is fewer than before, speech is looked for in as much smaller batches.
        """
        share = min(1.0, batch_size / self._batch_size)
        return WhisperTranscriber(
            self._model,
            self._voice_activity.with_smaller_batches(share),
            batch_size=batch_size,
            chunk_seconds=self._chunk_seconds,
            scope=self._scope,
        )

    def close(self) -> None:
        """Free the weights; no view may be used afterwards."""
        self._model.model.unload_model()

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the text of `waveform` (samples,) at 16 kHz in chunks of speech, in order of time.

        If somebody listens, speech is looked for and decoded by turns, so that the first text comes soon;
        a language that has to be detected is then judged by the first stretch alone.

        Raises:
            BadParameter: the model was not trained to do it.
            EngineFailed: the engine broke in an unforeseen way.
        """
        scope = self._scope
        scope.abilities.check(scope.name, language=request.language, task=request.task)
        with engine_errors(Stage.TRANSCRIBE.noun):
            guess = LanguageGuess(request.language, 1.0) if request.language else None
            segments: list[Segment] = []
            for chunks in self._speech(waveform, checkpoint, soon=tell is not nobody_listens):
                guess = guess or self._guess(waveform, chunks, checkpoint, request.languages)
                pipeline = self._pipeline(request, guess.code, chunks, checkpoint, tell, len(segments))
                segments += pipeline.segments(waveform, self._batch_size, self._chunk_seconds)
            guess = guess or self._guess(waveform, (), checkpoint, request.languages)
            spoken = tuple(segment for segment in segments if segment.text)
            return Transcription(spoken, guess.code, guess.passed_over)

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        """Return the most probable spoken language of `waveform` (samples,), heard in its first speech.

        UNDETERMINED where nobody speaks.

        Raises:
            EngineFailed: the engine broke in an unforeseen way.
        """
        with engine_errors("language detection"):
            for start in range(0, len(waveform), _DETECTION_WINDOW):
                window = waveform[start : start + _DETECTION_WINDOW]
                chunks = self._voice_activity.chunks(window, self._chunk_seconds, checkpoint)
                if chunks:
                    return self._guess(window, chunks, checkpoint)
            return LanguageGuess(UNDETERMINED, 0.0)

    def _speech(self, waveform: Waveform, checkpoint: Checkpoint, *, soon: bool) -> Iterator[list[Chunk]]:
        """Yield the chunks of speech, no list of them empty: all at once, or `soon`, as they are found."""
        found = self._voice_activity.chunks_as_found if soon else self._voice_activity.all_chunks
        for chunks in found(waveform, self._chunk_seconds, checkpoint):
            return_freed_memory()
            checkpoint()
            if chunks:
                yield chunks

    def _guess(
        self,
        waveform: Waveform,
        chunks: Sequence[Chunk],
        checkpoint: Checkpoint,
        candidates: Sequence[str] = (),
    ) -> LanguageGuess:
        """Return the likeliest language, of `candidates` if there are any."""
        if chunks and self._scope.abilities.english_only:
            return LanguageGuess("en", 1.0)
        guess = guess_language(self._model, waveform, chunks, checkpoint, candidates or self._scope.languages)
        return replace(guess, passed_over=None) if candidates else guess

    def _pipeline(
        self,
        request: TranscriptionRequest,
        language: str,
        chunks: list[Chunk],
        checkpoint: Checkpoint,
        tell: Listener,
        told: int,
    ) -> RequestPipeline:
        tokenizer = whisper_tokenizer.Tokenizer(
            self._model.hf_tokenizer, self._model.model.is_multilingual, task=request.task, language=language
        )
        prompt, hotwords = fit_prompts(tokenizer, request.initial_prompt, request.hotwords)
        options = _decoding_options(
            initial_prompt=prompt, hotwords=hotwords, temperatures=[request.temperature]
        )
        detail = Detail(request.decoding or request.token_logprobs, request.token_logprobs)
        generator = Generator(self._model, tokenizer, options, detail)
        return RequestPipeline(generator, chunks, checkpoint, tell, told)


def _decoding_options(**asked: Any) -> "whisper_transcribe.TranscriptionOptions":
    """Return whisperX's own decoding options with what the request `asked` for."""
    return whisper_transcribe.TranscriptionOptions(
        beam_size=5,
        best_of=5,
        patience=1,
        length_penalty=1,
        repetition_penalty=1,
        no_repeat_ngram_size=0,
        log_prob_threshold=-1.0,
        no_speech_threshold=0.6,
        compression_ratio_threshold=2.4,
        condition_on_previous_text=False,
        prompt_reset_on_temperature=0.5,
        prefix=None,
        suppress_blank=True,
        suppress_tokens=[-1],
        without_timestamps=True,
        max_initial_timestamp=0.0,
        word_timestamps=False,
        prepend_punctuations="",
        append_punctuations="",
        multilingual=False,
        max_new_tokens=None,
        clip_timestamps=None,
        hallucination_silence_threshold=None,
        **asked,
    )
