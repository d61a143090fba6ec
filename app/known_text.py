"""A text that the caller knows already, in place of recognition: when its words are said, and what is not."""

from collections.abc import Sequence
from dataclasses import replace

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Engines, PlacedText, Transcription
from app.errors import ParameterConflict
from app.formats.timestamps import minutes
from app.options.given_text import read_given_text
from app.request_context import RequestContext
from app.stage import Stage
from app.transcript import Seconds, Segment

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
        ParameterConflict: there is no alignment model for the language.
        ModelUnavailable, OutOfMemory, EngineFailed: what the aligner raises.
    """
    given = read_given_text(context.options.transcript or "")
    lending = engines.aligner(context.model, speech.language, checkpoint)
    with context.using(Stage.ALIGN, lending) as lease:
        if lease is None:
            raise ParameterConflict(
                "transcript",
                f"needs an alignment model for {speech.language!r}; name one with "
                f"ALIGN_MODELS={speech.language}=<model>, or send language= if it was mistaken",
            )
        placed = lease.run(
            lambda engine: engine.place(waveform, speech.segments, given, checkpoint, context.tell)
        )
    context.warnings += [*_absent(placed.segments), *_unexplained(placed.unexplained, context.options.shift)]
    return replace(
        placed, segments=tuple(replace(each, language=speech.language) for each in placed.segments)
    )


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
