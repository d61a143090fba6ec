"""A text that the caller knows already, in place of recognition: when its words are said, and what is not."""

from collections.abc import Sequence
from dataclasses import replace

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Engines, PlacedText, Transcription, TranscriptionRequest
from app.errors import ParameterConflict
from app.formats.timestamps import minutes
from app.options.given_text import GivenText, read_given_text
from app.request_context import RequestContext
from app.stage import Stage
from app.transcript import Seconds, Segment
from app.word_times import DEGRADABLE, explain, warn_of_attention

_MOST_NAMED = 5


def place_known_text(
    engines: Engines,
    waveform: Waveform,
    speech: Transcription,
    context: RequestContext,
    checkpoint: Checkpoint,
) -> PlacedText:
    """Return the text of the request with the times of its words in `speech`; warn of what does not fit.

    Raises:
        ParameterConflict: an alignment model is asked for, and there is none for the language.
        ModelUnavailable, OutOfMemory, EngineFailed: the transcriber, or the one aligner that may be used.
    """
    options, language = context.options, speech.language
    given = read_given_text(options.transcript or "")
    placed, reason = None, None
    try:
        if options.align != "attention":
            placed = _by_aligner(engines, waveform, speech, given, context, checkpoint)
    except DEGRADABLE as exc:
        if options.align == "wav2vec2":
            raise
        reason = explain(exc)
    if placed is None and options.align == "wav2vec2":
        raise ParameterConflict(
            "transcript",
            f"needs an alignment model for {language!r}, as align=wav2vec2 wants it; name one with "
            f"ALIGN_MODELS={language}=<model>, or send language= if it was mistaken",
        )
    if placed is None:
        placed = _by_recognition(engines, waveform, speech, given, context, checkpoint)
        warn_of_attention(context, language, reason)
    context.warnings += [*_absent(placed.segments), *_unexplained(placed.unexplained, options.shift)]
    return replace(placed, segments=tuple(replace(each, language=language) for each in placed.segments))


def _by_aligner(
    engines: Engines,
    waveform: Waveform,
    speech: Transcription,
    given: GivenText,
    context: RequestContext,
    checkpoint: Checkpoint,
) -> PlacedText | None:
    """Return what the aligner of the language makes of it; None where there is none."""
    lending = engines.aligner(context.model, speech.language, checkpoint)
    with context.using(Stage.ALIGN, lending) as lease:
        if lease is None:
            return None
        return lease.run(
            lambda engine: engine.place(waveform, speech.segments, given, checkpoint, context.tell)
        )


def _by_recognition(
    engines: Engines,
    waveform: Waveform,
    speech: Transcription,
    given: GivenText,
    context: RequestContext,
    checkpoint: Checkpoint,
) -> PlacedText:
    """Return what the transcriber makes of it, which hears every language."""
    options = context.options
    request = TranscriptionRequest(
        language=speech.language if speech.segments else options.spoken_language,
        vad_onset=options.vad_onset,
        vad_offset=options.vad_offset,
        vad_pad=options.vad_pad,
    )
    with context.using(Stage.ALIGN, engines.transcriber(context.model, checkpoint)) as lease:
        return lease.run(lambda engine: engine.recognise_and_place(waveform, request, given, checkpoint))


def _absent(segments: Sequence[Segment]) -> list[str]:
    absent = [segment.text for segment in segments if not segment.occurs]
    if not absent:
        return []
    shown = ", ".join(repr(text if len(text) <= 40 else text[:37] + "...") for text in absent[:_MOST_NAMED])
    more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
    return [
        "parts of the transcript are not said in the recording; they have no times, and subtitles leave "
        f"them out: {shown}{more}"
    ]


def _unexplained(places: Sequence[tuple[Seconds, Seconds]], shift: Seconds) -> list[str]:
    if not places:
        return []
    shown = ", ".join(
        f"{minutes(start + shift)} to {minutes(end + shift)}" for start, end in places[:_MOST_NAMED]
    )
    more = f" and in {len(places) - _MOST_NAMED} more places" if len(places) > _MOST_NAMED else ""
    return [f"more is said than the transcript holds: {shown}{more}"]
