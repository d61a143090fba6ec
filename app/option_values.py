"""How one option's text is read: what people write becomes the value the code works with."""

import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from app.languages import LANGUAGES, language_code

_SWITCH_WORDS = {
    "true": True, "1": True, "yes": True, "on": True, "y": True, "t": True,
    "false": False, "0": False, "no": False, "off": False, "n": False, "f": False,
}  # fmt: skip


def _read_switch(value: object) -> object:
    return _SWITCH_WORDS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _read_whole_number(value: object) -> object:
    if not isinstance(value, str):
        return value
    digits = value.strip()
    if not re.fullmatch(r"\+?[0-9]{1,9}", digits):
        raise ValueError("not a whole number")
    return int(digits)


def read_choice(value: object) -> object:
    """Return a word in lower case, without blanks around it; other values as they are."""
    return value.strip().lower() if isinstance(value, str) else value


def _read_format(value: object) -> object:
    choice = read_choice(value)
    return "text" if choice == "txt" else choice


def _read_language(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "auto":
        return None
    code = language_code(value)
    if code is None:
        raise ValueError("unknown language")
    return code


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in line):
        raise ValueError("control characters")
    return line


Switch = Annotated[bool, BeforeValidator(_read_switch)]
"""true, 1, yes, on, y, t and their opposites, in any case."""
SpeakerCount = Annotated[int, Field(ge=1, le=32), BeforeValidator(_read_whole_number)]
LineWidth = Annotated[int, Field(ge=1, le=1000), BeforeValidator(_read_whole_number)]
LineCount = Annotated[int, Field(ge=1, le=100), BeforeValidator(_read_whole_number)]
Task = Annotated[Literal["transcribe", "translate"], BeforeValidator(read_choice)]
OutputFormat = Annotated[Literal["json", "text", "srt", "vtt", "tsv"], BeforeValidator(_read_format)]
Language = Annotated[str | None, BeforeValidator(_read_language)]
"""Whisper's code; None: detect."""
Phrase = Annotated[str, Field(max_length=4000), AfterValidator(_one_line)]
"""Line breaks and tabs become spaces; other control characters are refused."""

LANGUAGE_CHOICE = f"auto, an English language name or one of {', '.join(LANGUAGES)}"
"""What the option language allows, in words."""


def choice_in_words(schema: dict[str, Any]) -> str:
    """Return what an option allows, in words, from its JSON schema.

    >>> choice_in_words({"type": "integer", "minimum": 1, "maximum": 32})
    'a whole number from 1 to 32'
    """
    if "anyOf" in schema:
        return choice_in_words(next(each for each in schema["anyOf"] if each.get("type") != "null"))
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if schema["type"] == "boolean":
        return "true or false"
    if schema["type"] == "integer":
        return f"a whole number from {schema['minimum']} to {schema['maximum']}"
    return f"at most {schema['maxLength']} characters of text without control characters"
