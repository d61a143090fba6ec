"""What options mean together: dependent defaults, contradictions, and options without effect.

A switch that asks for something another switch forbids is refused. An option that merely finds nothing to act
on is kept and named in a warning. Only options that the caller wrote (`model_fields_set`) get warnings.
"""

from collections.abc import Iterator

from app.errors import ParameterConflict
from app.options.asr_options import AsrOptions

_ONLY_FOR_RECOGNITION = (
    "initial_prompt",
    "hotwords",
    "temperature",
    "beam_size",
    "suppress_numerals",
    "verbatim",
)
_SUBTITLES = ("srt", "vtt")
_ONLY_FOR_SUBTITLES = (
    "max_line_width",
    "max_line_count",
    "highlight_words",
    "max_cue_seconds",
    "min_cue_seconds",
)
_ONLY_FOR_SPEAKERS = ("num_speakers", "min_speakers", "max_speakers", "split_speakers", "fill_nearest")


def apply_rules(options: AsrOptions) -> tuple[AsrOptions, list[str]]:
    """Return the options that hold, and a warning for each that was written and has no effect.

    Raises: ParameterConflict.
    """
    without_speakers = not options.encode or options.channels == "split"
    if without_speakers and "diarize" not in options.model_fields_set:
        options = options.model_copy(update={"diarize": False})
    refuse_contradictions(options)
    overridden = _overridden_counts(options)
    warnings = []
    if overridden:
        warnings.append(f"num_speakers={options.num_speakers} overrides {' and '.join(overridden)}")
    written = options.model_fields_set - set(overridden)
    warnings += [
        f"{name} has no effect with {reason}"
        for reason, names in _limits(options)
        for name in names
        if name in written
    ]
    return options.model_copy(update=dict.fromkeys(overridden)), warnings


def refuse_contradictions(options: AsrOptions) -> None:
    """Refuse values that contradict each other; defaults contradict nothing.

    Raises: ParameterConflict.
    """
    if options.return_speaker_embeddings and not options.diarize:
        raise ParameterConflict("return_speaker_embeddings", "needs diarize=true")
    if options.highlight_words and not options.word_timestamps:
        raise ParameterConflict("highlight_words", "needs word_timestamps=true")
    shortest, longest = options.min_cue_seconds, options.max_cue_seconds
    if shortest is not None and longest is not None and shortest > longest:
        raise ParameterConflict("min_cue_seconds", f"{shortest:g} is more than max_cue_seconds {longest:g}")
    onset, offset = options.vad_onset, options.vad_offset
    if onset is not None and offset is not None and offset > onset:
        raise ParameterConflict("vad_offset", f"{offset:g} is more than vad_onset {onset:g}")
    if options.transcript is not None:
        _refuse_without_recognition(options)
    if options.align == "wav2vec2" and options.task == "translate":
        raise ParameterConflict("align", "wav2vec2 cannot time a translation; leave it out or use attention")
    fewest, most = options.min_speakers, options.max_speakers
    if fewest is not None and most is not None and fewest > most:
        raise ParameterConflict("min_speakers", f"{fewest} is more than max_speakers {most}")


def _refuse_without_recognition(options: AsrOptions) -> None:
    if options.task == "translate":
        raise ParameterConflict("transcript", "needs task=transcribe; a translation is not what is said")
    if options.channels != "mix":
        raise ParameterConflict("transcript", "needs channels=mix; it does not say who is on which channel")
    if not options.word_timestamps:
        raise ParameterConflict("transcript", "needs word_timestamps=true; word times are what it is for")


def _overridden_counts(options: AsrOptions) -> list[str]:
    """Return the names of the bounds that an exact number of speakers makes meaningless."""
    bounds = {"min_speakers": options.min_speakers, "max_speakers": options.max_speakers}
    if options.num_speakers is None:
        return []
    return [name for name, bound in bounds.items() if bound is not None]


def _limits(options: AsrOptions) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each choice that leaves others without effect, and the names of those."""
    output_format = f"output_format={options.output_format}"
    if options.transcript is not None:
        yield "transcript, which leaves nothing to recognise", _ONLY_FOR_RECOGNITION
    if not options.diarize:
        yield "diarize=false", _ONLY_FOR_SPEAKERS
    if options.output_format not in _SUBTITLES:
        yield output_format, _ONLY_FOR_SUBTITLES
    if options.output_format != "json" and options.return_speaker_embeddings:
        yield output_format, ("return_speaker_embeddings",)
    if options.start is None:
        yield "the whole recording; it takes start", ("offset_times",)
    if options.temperature:
        yield f"temperature={options.temperature:g}", ("beam_size",)
    if not options.encode:
        yield "encode=false", ("audio_track", "channels", "channel_names")
    elif options.channels == "mix":
        yield "channels=mix", ("channel_names",)
    if not options.word_timestamps and not options.diarize:
        yield "word_timestamps=false and diarize=false", ("align",)
