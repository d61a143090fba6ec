"""When each word is said: by an aligner for its language, or by Whisper's own attention."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Engines, Transcription, always, never
from app.errors import EngineFailed, ModelUnavailable, OutOfMemory
from app.options.asr_options import AsrOptions
from app.options.languages import language_name
from app.request_context import RequestContext
from app.stage import Stage
from app.transcript import Segment

logger = logging.getLogger(__name__)

DEGRADABLE = (ModelUnavailable, OutOfMemory, EngineFailed)
"""Failures of alignment and diarization that leave the transcript standing."""


@dataclass(frozen=True, slots=True)
class WordTimes:
    """Times the words of one recording; what fails leaves the transcript standing, with a warning."""

    engines: Engines
    waveform: Waveform
    context: RequestContext
    checkpoint: Checkpoint

    def of(self, transcription: Transcription) -> tuple[Segment, ...]:
        """Return the segments in order of time, split into sentences whose words carry times.

        Segments that the transcriber has timed stay as they are, and so do all where nobody needs words.
        """
        segments = transcription.segments
        if not _are_wanted(self.context.options):
            return segments
        done: list[Segment] = []
        for (language, timed), some in _by_language(segments, transcription.language):
            if timed:
                warn_of_attention(self.context, language)
                done += some
            elif self.context.options.task == "translate" or self.context.options.align == "attention":
                done += self._time_by_attention(some, language)
            else:
                done += self._align(some, language)
        return tuple(sorted(done, key=lambda segment: segment.start))

    def _align(self, segments: Sequence[Segment], language: str) -> Sequence[Segment]:
        try:
            lending = self.engines.aligner(self.context.model, language, self.checkpoint)
            with self.context.using(Stage.ALIGN, lending) as lease:
                if lease is not None:
                    return lease.run(
                        lambda engine: engine.align(
                            self.waveform, tuple(segments), self.checkpoint, self.context.tell
                        )
                    )
                reason = no_aligner(language)
        except DEGRADABLE as exc:
            reason = explain(exc)
        if self.context.options.align == "wav2vec2":
            degrade(self.context, "word times are missing", reason)
            return segments
        return self._time_by_attention(segments, language, reason)

    def _time_by_attention(
        self, segments: Sequence[Segment], language: str, reason: str | None = None
    ) -> Sequence[Segment]:
        """Do what the transcriber was not asked for: an aligner was expected to work."""
        task = self.context.options.task
        try:
            lending = self.engines.transcriber(self.context.model, self.checkpoint)
            with self.context.using(Stage.ALIGN, lending) as lease:
                timed = lease.run(
                    lambda engine: engine.time_words(self.waveform, tuple(segments), task, self.checkpoint)
                )
        except DEGRADABLE as exc:
            degrade(self.context, "word times are missing", explain(exc))
            return segments
        warn_of_attention(self.context, language, reason)
        return timed


def timed_by_transcriber(engines: Engines, context: RequestContext) -> Callable[[str], bool]:
    """Return whether words in the language of a code are to be timed by the transcriber itself.

    They are where an aligner is not wanted or not known. Where nobody needs words, their times still tell
    where sentences begin and end.
    """
    options = context.options
    if options.align == "attention" or options.task == "translate" or not _are_wanted(options):
        return always
    if options.align == "wav2vec2":
        return never
    return lambda language: not engines.aligns(context.model, language)


def warn_of_attention(context: RequestContext, language: str, reason: str | None = None) -> None:
    """Tell that words in `language` are timed by the transcriber; no `reason`: what was asked for is it."""
    what = f"words in {language_name(language)}"
    if context.options.task == "translate":
        what, reason = "the words of a translation", "they are not the words that are said"
    elif reason is None:
        reason = "align=attention" if context.options.align == "attention" else no_aligner(language)
    warning = f"{what} are timed by Whisper's attention, which is coarser than an aligner: {reason}"
    if warning not in context.warnings:
        warn(context, warning)


def degrade(context: RequestContext, missing: str, remedy: str) -> None:
    """Tell client and operator what the answer lacks and what to do about it."""
    warn(context, f"{missing}: {remedy}")


def warn(context: RequestContext, warning: str) -> None:
    """Tell client and operator."""
    context.warnings.append(warning)
    logger.warning("answer degraded: %s", warning)


def explain(exc: Exception) -> str:
    """Return why a stage failed, in words for the client."""
    if isinstance(exc, EngineFailed):
        return f"{exc} unexpectedly; the log of the service has the cause"
    return str(exc)


def no_aligner(language: str) -> str:
    """Return why there is no aligner, and what helps."""
    return f"no alignment model is known for {language!r}; name one with ALIGN_MODELS={language}=<model>"


def _are_wanted(options: AsrOptions) -> bool:
    return options.word_timestamps or options.diarize


def _by_language(segments: Sequence[Segment], main: str) -> list[tuple[tuple[str, bool], list[Segment]]]:
    """Return the segments of each language, those with words apart from those without."""

    def key(segment: Segment) -> tuple[str, bool]:
        return segment.language or main, segment.words is not None

    return [(kind, list(some)) for kind, some in groupby(sorted(segments, key=key), key=key)]
