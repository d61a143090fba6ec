"""The stages of a request: which runs, in what order, and what may fail without failing the request."""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.concurrency import run_concurrently
from app.engines.interfaces import Engines, SpeakerCountRange, Transcription, TranscriptionRequest
from app.engines.platform.allocator import return_freed_memory
from app.errors import EngineFailed, ModelUnavailable, OutOfMemory
from app.events import advance_of
from app.known_speakers import name_known
from app.options.asr_options import AsrOptions
from app.options.languages import UNDETERMINED
from app.pace import Pace
from app.request_context import RequestContext
from app.speakers import assign_speakers
from app.stage import Stage
from app.transcript import Diarization, LanguageGuess, Segment, Transcript
from app.voice_samples import decode_samples, voices_of
from app.work.upload_store import StoredUpload

logger = logging.getLogger(__name__)

NO_SPEECH = "no speech was found"
MIXED_TRANSLATION = (
    "a translation has no word times: each segment, up to half a minute long, "
    "has the one speaker who speaks longest in it"
)
DEGRADABLE = (ModelUnavailable, OutOfMemory, EngineFailed)
"""Failures of alignment and diarization that leave the transcript standing."""


class Pipeline:
    """Turns an upload into a transcript with the decoder and the engines it is given."""

    def __init__(
        self, engines: Engines, decoder: Decoder, *, diarize_concurrently: bool, pace: Pace | None = None
    ) -> None:
        """Tell `pace` how long each recording took."""
        self._engines = engines
        self._decoder = decoder
        self._diarize_concurrently = diarize_concurrently
        self._pace = pace or Pace()

    def transcribe(self, upload: StoredUpload, context: RequestContext, checkpoint: Checkpoint) -> Transcript:
        """Return the transcript of `upload`, which is gone once it is decoded.

        Raises what the decoder and the transcriber raise, and ClientLeft or DeadlineExceeded from the
        checkpoint. Alignment and diarization that fail after that are recorded as warnings.
        """
        options = context.options
        with self._decoded(upload, context, checkpoint) as waveform:
            transcription, diarization = self._transcribe_and_diarize(waveform, context, checkpoint)
            context.warnings += _limits(transcription, diarization, options)
            segments = self._align(waveform, transcription, context, checkpoint)
            if diarization is not None:
                segments = assign_speakers(
                    segments,
                    diarization.turns,
                    split=options.split_speakers,
                    fill_nearest=options.fill_nearest,
                )
            if not options.word_timestamps:
                segments = tuple(replace(segment, words=None) for segment in segments)
            duration = len(waveform) / SAMPLE_RATE
            self._pace.learn(context.model.name, context.stage_seconds, duration)
            return Transcript(
                segments=segments,
                language=transcription.language,
                duration=duration,
                model=context.model.name,
                speaker_embeddings=_embeddings(diarization, options),
                warnings=tuple(context.warnings),
            )

    def detect_language(
        self, upload: StoredUpload, context: RequestContext, checkpoint: Checkpoint
    ) -> LanguageGuess:
        """Return the language spoken in `upload`, which is gone once it is decoded.

        UNDETERMINED where nobody speaks.
        """
        with self._decoded(upload, context, checkpoint) as waveform:
            lending = self._engines.transcriber(context.model, checkpoint)
            with context.using(Stage.TRANSCRIBE, lending) as lease:
                guess = lease.run(lambda engine: engine.detect_language(waveform, checkpoint))
        context.warnings += _passed_over(guess.passed_over, guess.code)
        if guess.code == UNDETERMINED:
            context.warnings.append(NO_SPEECH)
        return guess

    @contextmanager
    def _decoded(
        self, upload: StoredUpload, context: RequestContext, checkpoint: Checkpoint
    ) -> Iterator[Waveform]:
        """Yield the samples of `upload`; when they are done with, freed memory goes back to the system."""
        with context.stage(Stage.DECODE), closing(upload), upload.open() as path:
            waveform = self._decoder.decode(
                path,
                checkpoint,
                raw_pcm=not context.options.encode,
                warn=context.warnings.append,
                advance=advance_of(Stage.DECODE, context.tell),
            )
        context.audio_seconds = len(waveform) / SAMPLE_RATE
        try:
            yield waveform
        finally:
            return_freed_memory()

    def _transcribe_and_diarize(
        self, waveform: Waveform, context: RequestContext, checkpoint: Checkpoint
    ) -> tuple[Transcription, Diarization | None]:
        """Run both, at the same time if told to: each needs the audio alone."""
        if not context.options.diarize:
            return self._transcribe(waveform, context, checkpoint), None
        samples = self._samples_of_the_known(context, checkpoint)
        transcribe = partial(self._transcribe, waveform, context)
        diarize = partial(self._diarize, waveform, samples, context)
        if self._diarize_concurrently:
            return run_concurrently(transcribe, diarize, checkpoint)
        return transcribe(checkpoint), diarize(checkpoint)

    def _transcribe(
        self, waveform: Waveform, context: RequestContext, checkpoint: Checkpoint
    ) -> Transcription:
        options = context.options
        request = TranscriptionRequest(
            task=options.task,
            language=options.language,
            initial_prompt=options.initial_prompt,
            hotwords=options.hotwords,
            temperature=options.temperature,
            soon=context.extras.soon,
            languages=context.extras.languages,
            token_logprobs=context.extras.token_logprobs,
        )
        lending = self._engines.transcriber(context.model, checkpoint)
        with context.using(Stage.TRANSCRIBE, lending) as lease:
            transcription = lease.run(
                lambda engine: engine.transcribe(waveform, request, checkpoint, context.tell)
            )
        context.warnings += _passed_over(transcription.passed_over, transcription.language)
        return transcription

    def _samples_of_the_known(self, context: RequestContext, checkpoint: Checkpoint) -> dict[str, Waveform]:
        known = context.extras.known_speakers
        if not known:
            return {}
        with context.stage(Stage.DECODE):
            return decode_samples(self._decoder, known, checkpoint)

    def _diarize(
        self,
        waveform: Waveform,
        samples: Mapping[str, Waveform],
        context: RequestContext,
        checkpoint: Checkpoint,
    ) -> Diarization | None:
        """Return who speaks when; those whose voice is in `samples` by their names."""
        try:
            lending = self._engines.diarizer(context.model, checkpoint)
            speakers = _speaker_count(context.options)
            with context.using(Stage.DIARIZE, lending) as lease:
                heard = lease.run(lambda engine: engine.diarize(waveform, speakers, checkpoint, context.tell))
                voices = lease.run(lambda engine: voices_of(engine, samples, checkpoint)) if samples else {}
                return name_known(heard, voices)
        except DEGRADABLE as exc:
            if context.extras.speakers_required:
                raise
            _degrade(context, "speakers are missing", _explain(exc))
            return None

    def _align(
        self,
        waveform: Waveform,
        transcription: Transcription,
        context: RequestContext,
        checkpoint: Checkpoint,
    ) -> tuple[Segment, ...]:
        """Return the segments with word times where somebody needs them and an aligner exists.

        A translation is never aligned: its words are not the ones that were spoken.
        """
        wanted = context.options.word_timestamps or context.options.diarize
        if context.options.task == "translate" or not wanted or not transcription.segments:
            return transcription.segments
        try:
            lending = self._engines.aligner(context.model, transcription.language, checkpoint)
            with context.using(Stage.ALIGN, lending) as lease:
                if lease is not None:
                    segments = transcription.segments
                    return lease.run(
                        lambda engine: engine.align(waveform, segments, checkpoint, context.tell)
                    )
                remedy = _no_aligner(transcription.language)
        except DEGRADABLE as exc:
            remedy = _explain(exc)
        _degrade(context, "word times are missing", remedy)
        return transcription.segments


def _degrade(context: RequestContext, missing: str, remedy: str) -> None:
    """Tell client and operator what the answer lacks and what to do about it."""
    context.warnings.append(f"{missing}: {remedy}")
    logger.warning("answer degraded: %s: %s", missing, remedy)


def _speaker_count(options: AsrOptions) -> SpeakerCountRange:
    exact = options.num_speakers
    return SpeakerCountRange(
        least=exact or options.min_speakers or 1, most=exact or options.max_speakers or math.inf
    )


def _limits(transcription: Transcription, diarization: Diarization | None, options: AsrOptions) -> list[str]:
    """Return what the caller must know of an answer that is whole and yet less than was hoped for."""
    if not transcription.segments:
        return [NO_SPEECH]
    several = diarization is not None and len({turn.speaker for turn in diarization.turns}) > 1
    return [MIXED_TRANSLATION] if several and options.task == "translate" else []


def _passed_over(likelier: str | None, taken: str) -> list[str]:
    if likelier is None:
        return []
    return [f"the language may be {likelier}, which ALLOWED_LANGUAGES leaves out; it was taken for {taken}"]


def _embeddings(diarization: Diarization | None, options: AsrOptions) -> dict[str, tuple[float, ...]] | None:
    if diarization is None or not options.return_speaker_embeddings:
        return None
    return dict(diarization.embeddings)


def _no_aligner(language: str) -> str:
    return f"no alignment model is known for {language!r}; name one with ALIGN_MODELS={language}=<model>"


def _explain(exc: Exception) -> str:
    if isinstance(exc, EngineFailed):
        return f"{exc} unexpectedly; the log of the service has the cause"
    return str(exc)
