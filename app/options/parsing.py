"""From the text of a request to its options: read once, part by part, and judged together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.errors import BadParameter, ParameterConflict
from app.options.asr_options import OPTION_ALIASES, TOLERATED_NAMES, AsrOptions
from app.options.fields import choice_in_words, is_unset, language_choice
from app.options.languages import LANGUAGES
from app.options.rules import apply_rules, refuse_contradictions


def _reader(field: FieldInfo) -> TypeAdapter[Any]:
    annotated: Any = Annotated[field.annotation, field]
    return TypeAdapter(annotated)


_SCHEMAS: Mapping[str, dict[str, Any]] = MappingProxyType(AsrOptions.model_json_schema()["properties"])
_READERS: Mapping[str, TypeAdapter[Any]] = MappingProxyType(
    {name: _reader(field) for name, field in AsrOptions.model_fields.items()}
)
_SPECIAL_CHOICES: Mapping[str, str] = MappingProxyType(
    {
        "language": language_choice(),
        "transcript": "plain text, SRT, VTT or the JSON of an answer, up to 4000000 characters",
    }
)
OPTION_CHOICES: Mapping[str, str] = MappingProxyType(
    {name: _SPECIAL_CHOICES.get(name) or choice_in_words(schema) for name, schema in _SCHEMAS.items()}
)
"""What each option allows, in words."""

_PHRASES = frozenset({"initial_prompt", "hotwords", "transcript"})
"""Options whose text is free: what counts as unset might have been meant."""
_MOST_NAMES_SHOWN = 10


class Model(Protocol):
    """What options need to know of the model that they name."""

    @property
    def name(self) -> str:
        """Its own name, whatever the request calls it."""
        ...

    def check(self, *, language: str | None, task: str | None) -> None:
        """Raise BadParameter for what the model was never trained to do; None was not asked for."""
        ...


M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class ParsedOptions(Generic[M]):
    """The options of one request and what the caller should know about them."""

    options: AsrOptions
    model: M
    warnings: tuple[str, ...] = ()
    written: frozenset[str] = frozenset()
    """Names of the options that the caller wrote; the others have their defaults."""
    spellings: frozenset[str] = frozenset()
    """The same, as the caller spelled them: an alias may ask for another dialect of the answer."""


class OptionReader(Generic[M]):
    """Reads the options of one request, written in the query string and in form fields in any mixture.

    Both are pairs of name and text. A text that is empty or null counts as unset.
    """

    def __init__(
        self,
        resolve_model: Callable[[str | None], M],
        languages: Sequence[str] = tuple(LANGUAGES),
        aliases: Mapping[str, str] = OPTION_ALIASES,
    ) -> None:
        """Find models with `resolve_model`, given a name or None for the default; allow `languages` (codes).

        `resolve_model` raises UnknownModel, and ModelUnavailable for the default. `aliases` are other names
        of options.
        """
        self._resolve_model = resolve_model
        self._languages = languages
        self._aliases = aliases
        self._model: M | None = None
        self._values: dict[str, object] = {}
        self._texts: dict[str, tuple[str, str]] = {}
        """By option: the name and the text that it was first written as."""
        self._spellings: set[str] = set()
        self._unknown: dict[str, None] = {}
        self._warnings: list[str] = []

    def read_query(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take the options of the query string, and refuse what is wrong whatever the form will say.

        Raises: BadParameter, ParameterConflict, UnknownModel.
        """
        self._read(pairs)
        options = AsrOptions.model_validate(self._values)
        refuse_contradictions(options)
        if self._model is not None:
            self._model.check(language=_hardest(options), task=options.task)

    def read_form(self, pairs: Iterable[tuple[str, str]]) -> ParsedOptions[M]:
        """Take the options of the form, and return all of them, judged together.

        Raises: BadParameter, ParameterConflict, UnknownModel, ModelUnavailable.
        """
        self._read(pairs)
        model = self._resolve_model(None) if self._model is None else self._model
        options, warnings = apply_rules(AsrOptions.model_validate({**self._values, "model": model.name}))
        model.check(language=_hardest(options), task=options.task)
        unknown = [name for name in self._unknown if name not in TOLERATED_NAMES]
        return ParsedOptions(
            options,
            model,
            (*_ignored(unknown), *self._warnings, *warnings),
            frozenset(self._texts),
            frozenset(self._spellings),
        )

    def _read(self, pairs: Iterable[tuple[str, str]]) -> None:
        for name, text in pairs:
            option = self._aliases.get(name, name)
            if option not in _READERS:
                self._unknown[name] = None
            elif not is_unset(text, _SCHEMAS[option]):
                self._add(option, name, text)
            elif text.strip() and option in _PHRASES:
                self._warnings.append(f"{name}={text.strip()} was taken as unset")

    def _add(self, option: str, name: str, text: str) -> None:
        value = _value(option, name, text, self._languages)
        if option == "model":
            model = self._resolve_model(str(value))
            value = model.name
            self._model = self._model or model
        if option in self._values and self._values[option] != value:
            raise _conflict(option, self._texts[option], (name, text))
        self._values[option] = value
        self._texts.setdefault(option, (name, text))
        self._spellings.add(name)


def _value(option: str, name: str, text: str, languages: Sequence[str]) -> object:
    """Return what `text`, sent as `name`, means as a value of `option`; raise BadParameter."""
    allowed = language_choice(languages) if option == "language" else OPTION_CHOICES[option]
    try:
        value: object = _READERS[option].validate_python(text.strip())
    except ValidationError:
        raise BadParameter(name, text, allowed) from None
    codes = [code.partition("-")[0] for code in str(value or "").split(",")] if option == "language" else []
    if not set(filter(None, codes)) <= set(languages):
        raise BadParameter(name, text, allowed)
    return value


def _hardest(options: AsrOptions) -> str | None:
    """Return the language that a model must know for these options; of several candidates one suffices."""
    candidates = options.candidate_languages
    return "en" if "en" in candidates else candidates[0] if candidates else options.spoken_language


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
