"""The fields of a form, read in every spelling of arrays and objects that OpenAI's clients use; no I/O."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from app.errors import BadParameter, ParameterConflict
from app.options.languages import UNSET_WORDS

Pair: TypeAlias = tuple[str, str]

ARRAYS = frozenset(
    {
        "include",
        "keywords",
        "known_speaker_names",
        "known_speaker_references",
        "languages",
        "timestamp_granularities",
    }
)
WORD_LISTS = frozenset({"include", "languages", "timestamp_granularities"})
"""Arrays of which no entry can hold a comma, so that one text may hold several."""
_SUBSCRIPT = re.compile(r"(?P<name>[^\[\]]+)\[(?P<key>[^\[\]]*)\]$")


@dataclass(frozen=True, slots=True)
class FormFields:
    """What one form holds, by the names without brackets; texts that are empty are left out."""

    scalars: tuple[Pair, ...]
    """In the order of the form; a name may come twice."""
    arrays: tuple[tuple[str, tuple[str, ...]], ...]
    members: tuple[tuple[str, Pair], ...]
    """Fields of objects, as in chunking_strategy[type]=server_vad: name of the object, key and text."""

    def array(self, name: str) -> tuple[str, ...]:
        """Return the entries of an array; () where it was not sent."""
        return dict(self.arrays).get(name, ())

    def scalar(self, name: str) -> str | None:
        """Return the text of a field; None where it was not sent.

        Raises:
            ParameterConflict: it was sent with two values.
        """
        texts = list(dict.fromkeys(text for each, text in self.scalars if each == name))
        if len(texts) > 1:
            both = " and as ".join(repr(text[:60]) for text in texts[:2])
            raise ParameterConflict(name, f"sent as {both}; send it once")
        return texts[0] if texts else None

    def object(self, name: str) -> dict[str, str]:
        """Return the keys and texts of an object that was sent in brackets."""
        return {key: text for each, (key, text) in self.members if each == name}


def read_fields(pairs: Iterable[Pair]) -> FormFields:
    """Return the fields of a form sorted out.

    Arrays come as `name[]`, `name` again and again, `name[0]`, a JSON list or, where no entry can hold one,
    with commas.

    Raises:
        BadParameter: an array is written as broken JSON.
    """
    scalars: list[Pair] = []
    arrays: dict[str, list[str]] = {}
    members: list[tuple[str, Pair]] = []
    for written, text in _by_index(pairs):
        name, key = _subscript(written)
        if name in ARRAYS:
            arrays.setdefault(name, []).extend(_entries(name, text))
        elif not text.strip():
            continue
        elif key:
            members.append((name, (key, text)))
        else:
            scalars.append((name, text))
    return FormFields(
        tuple(scalars),
        tuple((name, tuple(entries)) for name, entries in arrays.items() if entries),
        tuple(members),
    )


def _by_index(pairs: Iterable[Pair]) -> Sequence[Pair]:
    """Return the pairs with those of `name[0]`, `name[1]` in the order of their numbers."""

    def number(pair: Pair) -> int:
        key = _subscript(pair[0])[1] or ""
        return int(key) if re.fullmatch("[0-9]{1,4}", key) else 0

    return sorted(pairs, key=number)


def base_name(written: str) -> str:
    """Return the name of a field without what stands in brackets behind it."""
    return _subscript(written)[0]


def _subscript(written: str) -> tuple[str, str | None]:
    """Return the name and what stands in the brackets behind it.

    >>> _subscript("include[]"), _subscript("chunking_strategy[type]"), _subscript("model")
    (('include', ''), ('chunking_strategy', 'type'), ('model', None))
    """
    found = _SUBSCRIPT.fullmatch(written)
    return (found["name"], found["key"]) if found else (written, None)


def _entries(name: str, text: str) -> list[str]:
    stripped = text.strip()
    if stripped.lower() in UNSET_WORDS:
        return []
    if stripped.startswith("["):
        return _json_entries(name, stripped)
    if name in WORD_LISTS:
        return [part.strip() for part in text.split(",") if part.strip()]
    return [text]


def _json_entries(name: str, text: str) -> list[str]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        entries = None
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise BadParameter(name, text, f"a JSON list of texts, or {name}[] once for each entry")
    return [entry for entry in entries if entry.strip()]
