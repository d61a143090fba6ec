"""How one option's text is read: what people write becomes the value the code works with."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from app.options.given_text import read_given_text
from app.options.languages import (
    LANGUAGES,
    UNKNOWN_LANGUAGE_WORDS,
    UNSET_WORDS,
    chinese_script,
    is_unknown_language,
    language_code,
)

_NUMBER = re.compile(r"\+?([0-9]{1,20}\.?[0-9]{0,20}|\.[0-9]{1,20})([eE][+-]?[0-9]{1,3})?")
"""As people write it, and as Python and JavaScript do: 1e-05, 0.30000000000000004."""


def _read_whole_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    digits = value.strip()
    if not re.fullmatch(r"\+?[0-9]{1,9}", digits):
        raise ValueError("not a whole number")
    return int(digits)


def _read_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    digits = value.strip()
    if not _NUMBER.fullmatch(digits):
        raise ValueError("not a number")
    return float(digits)


def read_choice(value: object) -> object:
    """Return a word in lower case, without blanks around it; other values as they are."""
    return value.strip().lower() if isinstance(value, str) else value


def _read_time(value: object) -> object:
    if not isinstance(value, str):
        return value
    found = re.fullmatch(TIME, value.strip(), re.ASCII)
    if not found:
        raise ValueError("not a time")
    units = value.strip().split(":")
    return sum(float(unit) * 60**power for power, unit in enumerate(reversed(units)))


def _read_format(value: object) -> object:
    choice = read_choice(value)
    return "text" if choice == "txt" else choice


def _read_language(value: object) -> object:
    if not isinstance(value, str):
        return value
    if is_unknown_language(value):
        return None
    codes = dict.fromkeys(_code_and_script(name) for name in value.split(",") if name.strip())
    if not codes:
        raise ValueError("unknown language")
    return ",".join(codes)


def _code_and_script(written: str) -> str:
    code = language_code(written)
    if code is None:
        raise ValueError("unknown language")
    script = chinese_script(written) if code == "zh" else None
    return f"{code}-{script}" if script else code


def _different_names(text: str) -> str:
    names = [_one_line(name) for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise ValueError("empty names, or one twice")
    return ",".join(names)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in line):
        raise ValueError("control characters")
    return line


TIME = r"(([0-9]{1,3}:)?[0-5]?[0-9]:[0-5]?[0-9]|[0-9]{1,6})(\.[0-9]{1,6})?"
"""Hours, minutes and seconds with colons, or seconds alone."""
TRACK = r"[1-9][0-9]{0,2}|[A-Za-z][A-Za-z0-9_ -]{1,39}"
_PATTERNS = {
    f"^({TIME})$": "seconds, or a time written as HH:MM:SS.mmm",
    f"^({TRACK})$": "the number or the language of a sound track",
}
"""What a text of this form is, in words."""

Moment = Annotated[
    float,
    Field(ge=0),
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "pattern": f"^({TIME})$"}),
]
"""Seconds."""
Length = Annotated[
    float,
    Field(gt=0),
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "pattern": f"^({TIME})$"}),
]
"""Seconds, more than none."""
TrackName = Annotated[str, Field(pattern=f"^({TRACK})$")]
ChannelChoice = Annotated[Literal["mix", "split", "auto"], BeforeValidator(read_choice)]
Names = Annotated[str, Field(max_length=400), AfterValidator(_different_names)]
"""Separated by commas, with nothing else around them."""
SpeakerCount = Annotated[int, Field(ge=1, le=32), BeforeValidator(_read_whole_number)]
LineWidth = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_read_whole_number)]
LineCount = Annotated[int, Field(ge=1, le=100), BeforeValidator(_read_whole_number)]
BeamSize = Annotated[int, Field(ge=1, le=10), BeforeValidator(_read_whole_number)]
LongestCue = Annotated[float, Field(ge=1, le=60), BeforeValidator(_read_number)]
ShortestCue = Annotated[float, Field(ge=0, le=10), BeforeValidator(_read_number)]
Temperature = Annotated[float, Field(ge=0, le=1), BeforeValidator(_read_number)]
Score = Annotated[float, Field(ge=0.01, le=0.99), BeforeValidator(_read_number)]
Padding = Annotated[float, Field(ge=0, le=2), BeforeValidator(_read_number)]
Task = Annotated[Literal["transcribe", "translate"], BeforeValidator(read_choice)]
AlignWay = Annotated[Literal["auto", "wav2vec2", "attention"], BeforeValidator(read_choice)]
OutputFormat = Annotated[
    Literal["json", "text", "srt", "vtt", "tsv", "md", "docx"], BeforeValidator(_read_format)
]
Language = Annotated[str | None, BeforeValidator(_read_language)]
"""Whisper's code, zh perhaps with -hans or -hant behind it, or several with commas between; None: detect."""
Phrase = Annotated[str, Field(max_length=4000), AfterValidator(_one_line)]
"""Line breaks and tabs become spaces; other control characters are refused."""


def _read_transcript(text: str) -> str:
    if any(unicodedata.category(each) in ("Cc", "Cs") and each not in "\n\r\t\f\v" for each in text):
        raise ValueError("control characters")
    read_given_text(text)
    return text


TranscriptText = Annotated[str, Field(max_length=4_000_000), AfterValidator(_read_transcript)]
"""Plain text, SRT, VTT or our JSON, as it was sent."""


def language_choice(codes: Sequence[str] = tuple(LANGUAGES)) -> str:
    """Return what the option language allows, in words, where `codes` are allowed."""
    return f"auto, an English language name or one of {', '.join(codes)}"


def is_unset(text: str, schema: dict[str, Any]) -> bool:
    """Return whether `text` leaves the option with this JSON schema as it is without it.

    >>> is_unset("null", {"type": "boolean"}), is_unset("auto", {"type": "integer"})
    (True, True)
    """
    word = text.strip().lower()
    return word in (
        UNKNOWN_LANGUAGE_WORDS if _written_schema(schema).get("type") == "integer" else UNSET_WORDS
    )


def choice_in_words(schema: dict[str, Any]) -> str:
    """Return what an option allows, in words, from its JSON schema.

    >>> choice_in_words({"type": "integer", "minimum": 1, "maximum": 32})
    'a whole number from 1 to 32'
    """
    schema = _written_schema(schema)
    if "pattern" in schema:
        return _PATTERNS[schema["pattern"]]
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema["type"] == "boolean":
        return "true or false"
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "number":
        return f"a number from {schema['minimum']:g} to {schema['maximum']:g}"
    return f"at most {schema['maxLength']} characters of text without control characters"


def _written_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of what can be written: the other one of a pair with null."""
    return next((each for each in schema.get("anyOf", ()) if each.get("type") != "null"), schema)
