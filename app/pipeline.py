"""Which stage runs, in what order, side by side or not, and what may fail without failing the request."""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import TypeVar

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Engines, SpeakerCountRange, Transcription, TranscriptionRequest
from app.errors import EngineFailed, ModelUnavailable, OutOfMemory, StageCancelled
from app.models.catalogue import ModelSpec
from app.options.asr_options import AsrOptions
from app.speakers import assign_speakers
from app.stage import Stage
from app.transcript import Diarization, LanguageGuess, Segment, Transcript

logger = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

NO_SPEECH = "no speech was found"
MIXED_TRANSLATION = (
    "a translation has no word times: each segment, up to half a minute long, "
    "has the one speaker who speaks longest in it"
)
DEGRADABLE = (ModelUnavailable, OutOfMemory, EngineFailed)
"""Failures of alignment and diarization that leave the transcript standing."""


@dataclass(slots=True)
class Run:
    """What one request gathers on its way: warnings for the client and seconds per stage."""

    checkpoint: Checkpoint
    warnings: list[str] = field(default_factory=list)
    stage_seconds: dict[Stage, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Add the wall time of the block to `stage_seconds[name]`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - started
            self.stage_seconds[name] = self.stage_seconds.get(name, 0.0) + spent

    @contextmanager
    def using(self, name: Stage, lending: AbstractContextManager[T]) -> Iterator[T]:
        """Lend an engine for the block: the wait for it counts as Stage.LOAD, the block as `name`."""
        with ExitStack() as stack:
            with self.stage(Stage.LOAD):
                engine = stack.enter_context(lending)
            with self.stage(name):
                yield engine

    def degrade(self, missing: str, remedy: str) -> None:
        """Tell client and operator what the answer lacks and what to do about it."""
        self.warnings.append(f"{missing}: {remedy}")
        logger.warning("answer degraded: %s: %s", missing, remedy)


class Pipeline:
    """Turns a waveform into a transcript with the engines it is given."""

    def __init__(self, engines: Engines, *, beside: bool) -> None:
        self._engines = engines
        self._beside = beside

    def transcribe(self, waveform: Waveform, model: ModelSpec, options: AsrOptions, run: Run) -> Transcript:
        """Return the transcript of `waveform` (samples,) at 16 kHz.

        Raises whatever the transcriber raises, and ClientLeft or DeadlineExceeded from the checkpoint.
        Alignment and diarization that fail after that are recorded as warnings.
        """
        transcription, diarization = self._listen(waveform, model, options, run)
        run.warnings += _limits(transcription, diarization, options)
        segments = self._time_words(waveform, model, options, transcription, run)
        if diarization is not None:
            segments = assign_speakers(
                segments, diarization.turns, split=options.split_speakers, fill_nearest=options.fill_nearest
            )
        if not options.word_timestamps:
            segments = tuple(replace(segment, words=None) for segment in segments)
        return Transcript(
            segments=segments,
            language=transcription.language,
            duration=len(waveform) / SAMPLE_RATE,
            model=model.name,
            speaker_embeddings=_embeddings(diarization, options),
            warnings=tuple(run.warnings),
        )

    def detect_language(self, waveform: Waveform, model: ModelSpec, run: Run) -> LanguageGuess:
        """Return the language spoken in `waveform` (samples,) at 16 kHz."""
        with run.using(Stage.TRANSCRIBE, self._engines.transcriber(model, run.checkpoint)) as transcriber:
            guess = transcriber.detect_language(waveform, run.checkpoint)
        run.warnings += _passed_over(guess.passed_over, guess.code)
        return guess

    def _listen(
        self, waveform: Waveform, model: ModelSpec, options: AsrOptions, run: Run
    ) -> tuple[Transcription, Diarization | None]:
        """Transcribe and diarize: both need the audio alone, so they may run side by side."""
        if not options.diarize:
            return self._transcribe(waveform, model, options, run), None
        if not self._beside:
            return self._transcribe(waveform, model, options, run), self._diarize(
                waveform, model, options, run
            )
        return side_by_side(
            lambda checkpoint: self._transcribe(
                waveform, model, options, replace(run, checkpoint=checkpoint)
            ),
            lambda checkpoint: self._diarize(waveform, model, options, replace(run, checkpoint=checkpoint)),
            run.checkpoint,
        )

    def _transcribe(
        self, waveform: Waveform, model: ModelSpec, options: AsrOptions, run: Run
    ) -> Transcription:
        request = TranscriptionRequest(
            task=options.task,
            language=options.language,
            initial_prompt=options.initial_prompt,
            hotwords=options.hotwords,
        )
        with run.using(Stage.TRANSCRIBE, self._engines.transcriber(model, run.checkpoint)) as transcriber:
            transcription = transcriber.transcribe(waveform, request, run.checkpoint)
        run.warnings += _passed_over(transcription.passed_over, transcription.language)
        return transcription

    def _diarize(
        self, waveform: Waveform, model: ModelSpec, options: AsrOptions, run: Run
    ) -> Diarization | None:
        try:
            with run.using(Stage.DIARIZE, self._engines.diarizer(model, run.checkpoint)) as diarizer:
                return diarizer.diarize(waveform, _speaker_count(options), run.checkpoint)
        except DEGRADABLE as exc:
            run.degrade("speakers are missing", _explain(exc))
            return None

    def _time_words(
        self,
        waveform: Waveform,
        model: ModelSpec,
        options: AsrOptions,
        transcription: Transcription,
        run: Run,
    ) -> tuple[Segment, ...]:
        """Return the segments with word times where somebody needs them and an aligner exists.

        A translation is never aligned: its words are not the ones that were spoken.
        """
        wanted = options.word_timestamps or options.diarize
        if options.task == "translate" or not wanted or not transcription.segments:
            return transcription.segments
        try:
            lending = self._engines.aligner(model, transcription.language, run.checkpoint)
            with run.using(Stage.ALIGN, lending) as aligner:
                if aligner is None:
                    run.degrade("word times are missing", _no_aligner(transcription.language))
                    return transcription.segments
                return aligner.align(waveform, transcription.segments, run.checkpoint)
        except DEGRADABLE as exc:
            run.degrade("word times are missing", _explain(exc))
            return transcription.segments


def side_by_side(
    first: Callable[[Checkpoint], T], second: Callable[[Checkpoint], U], checkpoint: Checkpoint
) -> tuple[T, U]:
    """Run both at once and return both results; a failure of either stops the other at its next checkpoint.

    Raises:
        BaseException: what the one that failed first has raised.
    """
    failed = threading.Event()

    def guarded() -> None:
        if failed.is_set():
            raise StageCancelled
        checkpoint()

    with ThreadPoolExecutor(1, thread_name_prefix="diarize") as executor:
        future = executor.submit(copy_context().run, _failing_aloud(second, failed), guarded)
        try:
            one = _failing_aloud(first, failed)(guarded)
        except StageCancelled:
            future.result()
            raise
        return one, future.result()


def _failing_aloud(work: Callable[[Checkpoint], T], failed: threading.Event) -> Callable[[Checkpoint], T]:
    """Return `work` that sets `failed` when it raises anything."""

    def run(checkpoint: Checkpoint) -> T:
        try:
            return work(checkpoint)
        except BaseException:
            failed.set()
            raise

    return run


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
