"""Every option of POST /asr: the one place that knows its name, type, default, range and description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.errors import BadParameter, ParameterConflict
from app.options.fields import (
    Language,
    LineCount,
    LineWidth,
    OutputFormat,
    Phrase,
    SpeakerCount,
    Switch,
    Task,
    choice_in_words,
    is_unset,
    language_choice,
)
from app.options.languages import LANGUAGES
from app.options.rules import refuse_contradictions, settle


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
        description="Spoken language as ISO 639 code, tag such as pt-BR or English name; auto detects it.",
        examples=["en", "german", "auto"],
    )
    model: str | None = Field(
        None,
        max_length=200,
        description="Whisper model by name, see GET /v1/models, or repository; empty takes the default.",
        examples=["large-v3"],
    )
    output_format: OutputFormat = Field(
        "json",
        description="Form of the answer. Alias: output; with output=json text is one string. txt means text.",
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


_SCHEMAS: Mapping[str, dict[str, Any]] = MappingProxyType(AsrOptions.model_json_schema()["properties"])
_READERS: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {name: _reader(field) for name, field in AsrOptions.model_fields.items()}
)


OPTION_CHOICES: Mapping[str, str] = MappingProxyType(
    {
        name: language_choice() if name == "language" else choice_in_words(schema)
        for name, schema in _SCHEMAS.items()
    }
)
"""What each option allows, in words."""

_PHRASES = frozenset({"initial_prompt", "hotwords"})
"""Options whose text is free: what counts as unset might have been meant."""
_MOST_NAMES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class ParsedOptions:
    """The options of one request and what the caller should know about them."""

    options: AsrOptions
    warnings: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    """Names of the options that the caller wrote; the others have their defaults."""
    spellings: frozenset[str] = frozenset()
    """The same, as the caller spelled them: an alias may ask for another dialect of the answer."""


@dataclass(slots=True)
class _Found:
    """What the pairs of a request hold, not yet judged together."""

    values: dict[str, object] = field(default_factory=dict)
    """By option."""
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By option: the name and the text that it was first written as."""
    spellings: set[str] = field(default_factory=set)
    unknown: dict[str, None] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


ModelResolver: TypeAlias = Callable[[str | None], str]
"""Turns a name, or None for the default, into the model's own name; raises UnknownModel."""


def parse_options(
    query: Sequence[tuple[str, str]],
    form: Sequence[tuple[str, str]],
    *,
    resolve_model: ModelResolver,
    languages: Sequence[str] = tuple(LANGUAGES),
) -> ParsedOptions:
    """Return the options written in the query string and in the form fields, both as pairs of name and text.

    They are judged together, wherever each of them stands. A text that is empty or null counts as unset.
    `languages` are the codes that may be named.

    Raises: BadParameter, ParameterConflict, UnknownModel.
    """
    found = _find((*query, *form), resolve_model, languages)
    if "model" not in found.values:
        found.values["model"] = resolve_model(None)
    settled, remarks = settle(found.values)
    unknown = [name for name in found.unknown if name not in TOLERATED_NAMES]
    return ParsedOptions(
        AsrOptions.model_validate(settled),
        (*_ignored(unknown), *found.remarks, *remarks),
        frozenset(found.texts),
        frozenset(found.spellings),
    )


def check_options(
    pairs: Sequence[tuple[str, str]],
    *,
    resolve_model: ModelResolver,
    languages: Sequence[str] = tuple(LANGUAGES),
) -> Mapping[str, object]:
    """Return the values in one part of a request, by option, unless they are wrong whatever else is sent.

    Raises: BadParameter, ParameterConflict, UnknownModel.
    """
    values = _find(pairs, resolve_model, languages).values
    refuse_contradictions(values)
    return values


def _find(pairs: Sequence[tuple[str, str]], resolve_model: ModelResolver, languages: Sequence[str]) -> _Found:
    found = _Found()
    for name, text in pairs:
        option = OPTION_ALIASES.get(name, name)
        if option not in _READERS:
            found.unknown[name] = None
        elif is_unset(text, _SCHEMAS[option]):
            if text.strip() and option in _PHRASES:
                found.remarks.append(f"{name}={text.strip()} was taken as unset")
        else:
            value = _read(option, name, text, languages)
            if option == "model":
                value = resolve_model(str(value))
            if option in found.values and found.values[option] != value:
                raise _conflict(option, found.texts[option], (name, text))
            found.values[option] = value
            found.texts.setdefault(option, (name, text))
            found.spellings.add(name)
    return found


def _read(option: str, name: str, text: str, languages: Sequence[str]) -> object:
    allowed = language_choice(languages) if option == "language" else OPTION_CHOICES[option]
    try:
        value: object = _READERS[option].validate_python(text.strip())
    except ValidationError:
        raise BadParameter(name, text, allowed) from None
    if option == "language" and value is not None and value not in languages:
        raise BadParameter(name, text, allowed)
    return value


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
