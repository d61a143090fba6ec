"""What options mean together: dependent defaults, contradictions, and options without effect.

A switch that asks for something another switch forbids is refused. An option that merely finds nothing to act
on is kept and named in a warning.
"""

from collections.abc import Mapping, Sequence

from app.errors import ParameterConflict

_SUBTITLES = ("srt", "vtt")
_ONLY_FOR_SUBTITLES = ("max_line_width", "max_line_count", "highlight_words")
_ONLY_FOR_SPEAKERS = ("num_speakers", "min_speakers", "max_speakers", "split_speakers", "fill_nearest")


def settle(chosen: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
    """Return the values that hold and the warnings; `chosen` has only what the caller wrote.

    Raises: ParameterConflict.
    """
    settled = dict(chosen)
    if chosen.get("encode") is False:
        settled.setdefault("diarize", False)
    refuse_contradictions(settled)
    warnings = _speaker_counts(settled)
    if settled.get("diarize") is False:
        warnings += _without_effect(settled, _ONLY_FOR_SPEAKERS, "diarize=false")
    output_format = settled.get("output_format", "json")
    if output_format not in _SUBTITLES:
        warnings += _without_effect(settled, _ONLY_FOR_SUBTITLES, f"output_format={output_format}")
    if output_format != "json" and settled.get("return_speaker_embeddings"):
        warnings += _without_effect(settled, ("return_speaker_embeddings",), f"output_format={output_format}")
    if settled.get("task") == "translate" and settled.get("word_timestamps"):
        warnings += _without_effect(settled, ("word_timestamps",), "task=translate, which has no word times")
    return settled, warnings


def refuse_contradictions(settled: Mapping[str, object]) -> None:
    """Refuse values that contradict each other; one that is not there contradicts nothing.

    Raises: ParameterConflict.
    """
    if settled.get("return_speaker_embeddings") and settled.get("diarize") is False:
        raise ParameterConflict("return_speaker_embeddings", "needs diarize=true")
    if settled.get("highlight_words") and settled.get("word_timestamps") is False:
        raise ParameterConflict("highlight_words", "needs word_timestamps=true")
    if settled.get("highlight_words") and settled.get("task") == "translate":
        raise ParameterConflict("highlight_words", "needs task=transcribe; a translation has no word times")
    fewest, most = settled.get("min_speakers"), settled.get("max_speakers")
    if isinstance(fewest, int) and isinstance(most, int) and fewest > most:
        raise ParameterConflict("min_speakers", f"{fewest} is more than max_speakers {most}")


def _speaker_counts(settled: dict[str, object]) -> list[str]:
    if settled.get("num_speakers") is None:
        return []
    overridden = [name for name in ("min_speakers", "max_speakers") if settled.pop(name, None) is not None]
    if not overridden:
        return []
    return [f"num_speakers={settled['num_speakers']} overrides {' and '.join(overridden)}"]


def _without_effect(settled: Mapping[str, object], names: Sequence[str], reason: str) -> list[str]:
    return [f"{name} has no effect with {reason}" for name in names if name in settled]
