"""Every option of POST /asr: the one place that knows its name, type, default, range and description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.errors import BadParameter, ParameterConflict
from app.option_rules import settle
from app.option_values import (
    LANGUAGE_CHOICE,
    Language,
    LineCount,
    LineWidth,
    OutputFormat,
    Phrase,
    SpeakerCount,
    Switch,
    Task,
    choice_in_words,
)


class AsrOptions(BaseModel):
    """What one request asks for; every value has been checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task = Field(
        "transcribe",
        description="transcribe writes what is said; translate writes it in English, without word times.",
        examples=["transcribe"],
    )
    language: Language = Field(
        None,
        description="Spoken language as Whisper's code or English name in any case; auto detects it.",
        examples=["en", "german", "auto"],
    )
    model: str | None = Field(
        None,
        max_length=200,
        description="Name of the Whisper model, see GET /v1/models; empty takes the server's default.",
        examples=["large-v3"],
    )
    output_format: OutputFormat = Field(
        "json",
        description="Form of the answer. Alias: output. txt is the same as text.",
        examples=["json", "srt"],
    )
    word_timestamps: Switch = Field(
        True,
        description="Align the text with the sound, so that every word has its time.",
        examples=[True],
    )
    diarize: Switch = Field(
        True,
        description="Tell speakers apart. Alias: enable_diarization. With encode=false the default is false.",
        examples=[True],
    )
    num_speakers: SpeakerCount | None = Field(
        None,
        description="Exact number of speakers, where known; overrides min_speakers and max_speakers.",
        examples=[2],
    )
    min_speakers: SpeakerCount | None = Field(None, description="Fewest speakers to look for.", examples=[2])
    max_speakers: SpeakerCount | None = Field(None, description="Most speakers to look for.", examples=[4])
    initial_prompt: Phrase | None = Field(
        None,
        description="Text that sets style and spelling, as if it had been said just before the recording.",
        examples=["Minutes of the Helsinki planning meeting."],
    )
    hotwords: Phrase | None = Field(
        None,
        description="Names and terms to listen for, separated by commas.",
        examples=["Speakr, pyannote, Helsinki"],
    )
    return_speaker_embeddings: Switch = Field(
        False,
        description="Add one voice vector per speaker to the JSON answer, to know people again later.",
        examples=[True],
    )
    encode: Switch = Field(
        True,
        description="false: the upload is raw 16-bit little-endian PCM, 16 kHz, mono, and is not decoded.",
        examples=[True],
    )
    split_speakers: Switch = Field(
        True,
        description="Split a segment where the speaker changes; false keeps it whole under its main speaker.",
        examples=[True],
    )
    fill_nearest: Switch = Field(
        True,
        description="Give a word outside every turn to the nearest speaker; false leaves it without one.",
        examples=[True],
    )
    max_line_width: LineWidth | None = Field(
        None,
        description="Characters per line of srt and vtt; unset: 42, in Chinese, Japanese and Korean 21.",
        examples=[42],
    )
    max_line_count: LineCount | None = Field(
        None, description="Lines per cue of srt and vtt; unset: 2.", examples=[2]
    )
    highlight_words: Switch = Field(
        False,
        description="Underline each word of srt and vtt while it is spoken, in one cue per word.",
        examples=[True],
    )


OPTION_ALIASES: Mapping[str, str] = MappingProxyType(
    {"output": "output_format", "enable_diarization": "diarize"}
)
"""Other names under which clients send an option."""

TOLERATED_NAMES = frozenset({"audio_file", "video_file"})
"""Names that say nothing to us and cause no warning: the upload itself, and the path that Bazarr sends."""


def _reader(field: FieldInfo) -> TypeAdapter[Any]:
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated)


_READERS: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {name: _reader(field) for name, field in AsrOptions.model_fields.items()}
)


def _choices() -> Mapping[str, str]:
    schemas = AsrOptions.model_json_schema()["properties"]
    return MappingProxyType(
        {name: choice_in_words(schema) for name, schema in schemas.items() if name != "language"}
        | {"language": LANGUAGE_CHOICE}
    )


OPTION_CHOICES: Mapping[str, str] = _choices()
"""What each option allows, in words."""

_MOST_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ParsedOptions:
    """The options of one request and what the caller should know about them."""

    options: AsrOptions
    warnings: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    """Names of the options that the caller wrote; the others have their defaults."""


def parse_options(
    query: Sequence[tuple[str, str]],
    form: Sequence[tuple[str, str]],
    *,
    resolve_model: Callable[[str | None], str],
) -> ParsedOptions:
    """Return the options written in the query string and in the form fields, both as pairs of name and text.

    An empty text counts as unset. `resolve_model` turns a name, or None for the default,
    into the model's own name.

    Raises: BadParameter, ParameterConflict, UnknownModel.
    """
    chosen: dict[str, object] = {}
    written: dict[str, tuple[str, str]] = {}
    unknown: dict[str, None] = {}
    for name, text in (*query, *form):
        option = OPTION_ALIASES.get(name, name)
        if option not in _READERS:
            unknown[name] = None
        elif text.strip():
            value = _read(option, name, text)
            if option == "model":
                value = resolve_model(str(value))
            if option in chosen and chosen[option] != value:
                raise _conflict(option, written[option], (name, text))
            chosen[option] = value
            written.setdefault(option, (name, text))
    if "model" not in chosen:
        chosen["model"] = resolve_model(None)
    settled, remarks = settle(chosen)
    unknown_names = [name for name in unknown if name not in TOLERATED_NAMES]
    warnings = (*_ignored(unknown_names), *remarks)
    return ParsedOptions(AsrOptions.model_validate(settled), warnings, frozenset(written))


def _read(option: str, name: str, text: str) -> object:
    try:
        return _READERS[option].validate_python(text.strip())
    except ValidationError:
        raise BadParameter(name, text, OPTION_CHOICES[option]) from None


def _conflict(option: str, first: tuple[str, str], second: tuple[str, str]) -> ParameterConflict:
    both = " and as ".join(f"{name[:40]}={text[:60]!r}" for name, text in (first, second))
    return ParameterConflict(option, f"sent as {both}; send it once, or with the same value")


def _ignored(names: Sequence[str]) -> list[str]:
    remarks = []
    for name in names[:_MOST_NAMES_SHOWN]:
        shown = name if len(name) <= 40 else name[:37] + "..."
        likely = get_close_matches(shown, _READERS, n=1, cutoff=0.75)
        hint = f"; did you mean {likely[0]}?" if likely else ""
        remarks.append(f"unknown parameter {shown!a} was ignored{hint}")
    if len(names) > _MOST_NAMES_SHOWN:
        remarks.append(f"{len(names) - _MOST_NAMES_SHOWN} more unknown parameters were ignored")
    return remarks
