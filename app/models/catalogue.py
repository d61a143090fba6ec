"""Which models a request may name, and what stands behind each name. No I/O: only the operator adds to it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from app.errors import BadParameter, ModelUnavailable, UnknownModel
from app.models.known_models import (
    ALIGNER_SOURCES,
    DEFAULT_DIARIZER,
    DEFAULT_MODEL,
    SHORT_NAMES,
    WHISPER_REPOSITORIES,
)
from app.options.languages import LANGUAGES

_DEMO = Path(__file__).parents[1] / "demo"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_PIPELINE = re.compile(r"[A-Z][A-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a Whisper model was trained to do."""

    english_only: bool = False
    """The model writes English speech only: no other language, no translation."""
    translates: bool = True
    """Whether the model was trained on task=translate."""

    def and_of(self, other: "Abilities") -> "Abilities":
        """Return what is left where both must hold."""
        return Abilities(self.english_only or other.english_only, self.translates and other.translates)

    def check(self, model: str, *, language: str | None, task: str | None) -> None:
        """Refuse what the model called `model` was never trained to do, before it makes something up.

        Raises:
            BadParameter: `language` or `task` is beyond it.
        """
        if self.english_only and language not in (None, "en"):
            raise BadParameter("language", language, f"en with the English-only model {model}")
        if task == "translate" and not self.translates:
            raise BadParameter("task", task, f"transcribe with the model {model}: it cannot translate")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One Whisper model and what comes bundled with it."""

    name: str
    source: str
    """Hub repository, or a directory where `is_local`."""
    chunk_seconds: float = 30.0
    """Longest stretch of speech decoded at once."""
    aligner: str | None = None
    """Directory of the bundled aligner, used for `aligner_languages` instead of the defaults."""
    aligner_languages: tuple[str, ...] = ()
    diarizer: str | None = None
    """Directory of the bundled diarization pipeline."""
    is_local: bool = False
    abilities: Abilities = Abilities()
    """As far as they are known before its files are on disk."""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Codes of the languages that are detected."""

    def check(self, *, language: str | None, task: str | None) -> None:
        """Raise BadParameter for a language or task that the model is known not to be trained on."""
        self.abilities.check(self.name, language=language, task=task)

    @property
    def english_only(self) -> bool:
        """Whether the model is known to write English speech only."""
        return self.abilities.english_only

    @property
    def translates(self) -> bool:
        """Whether the model may be asked for task=translate."""
        return self.abilities.translates


def is_directory_source(source: str) -> bool:
    """Return whether `source` names a directory: it starts with `/`, `./`, `../` or `~`."""
    return source.startswith(("/", "./", "../", "~"))


def shown_source(source: str) -> str:
    """Return the last part of a directory, whose place is the operator's business, and a repository whole."""
    return Path(source).name if is_directory_source(source) else source


def parse_sources(entries: Iterable[str], setting: str, *, pipelines: bool = False) -> dict[str, str]:
    """Return the pairs of `name=source` entries; with `pipelines`, torchaudio's names are sources too.

    Raises:
        ValueError: an entry is malformed; the message names `setting` and the entry.
    """
    sources: dict[str, str] = {}
    for entry in entries:
        name, _, source = (part.strip() for part in entry.partition("="))
        fits = is_directory_source(source) or _REPOSITORY.fullmatch(source)
        if not _NAME.fullmatch(name) or not (fits or (pipelines and _PIPELINE.fullmatch(source))):
            raise ValueError(
                f"{setting}: {entry!r} is not name=source, where source is a hub repository (owner/name) "
                "or a directory (starting with / or ./)"
            )
        if name in sources:
            raise ValueError(f"{setting}: {name!r} is given twice")
        sources[name] = source
    return sources


@dataclass(frozen=True)
class Catalogue:
    """The allow-list of models; everything that a request can make the service load is in here."""

    default: str = DEFAULT_MODEL
    """Name used when a request gives none."""
    extra_models: Mapping[str, str] = field(default_factory=dict)
    """The operator's own names; they win over the built-in ones, under all names that mean those."""
    abilities: Mapping[str, Abilities] = field(default_factory=dict)
    """What the files of `extra_models` say that they can do, by name, where those could be read."""
    aligners: Mapping[str, str] = field(default_factory=dict)
    """The operator's aligners by language; they win over the defaults."""
    diarizer: str = DEFAULT_DIARIZER
    allowed: frozenset[str] = frozenset()
    """The models that requests may name, by their own names; empty: all."""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Codes of the languages that requests may name and that are detected."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every model name except the aliases, built-in ones first."""
        built_in = (*WHISPER_REPOSITORIES, _DEMO_MODEL.name)
        every = (*built_in, *(name for name in self.extra_models if name not in built_in))
        return tuple(name for name in every if self._is_allowed(self._own_name(name)))

    @property
    def default_name(self) -> str | None:
        """The own name of the default model; None where the operator's choice is not in the catalogue."""
        return self._find(self.default)

    @property
    def diarizer_name(self) -> str:
        """What people may be told of where the diarization pipeline of the default model comes from."""
        bundled = self.default_name == _DEMO_MODEL.name and self.default_name not in self.extra_models
        return _DEMO_MODEL.name if bundled else shown_source(self.diarizer)

    def resolve(self, name: str | None = None) -> ModelSpec:
        """Return the model called `name`, or the default one for None or an empty name.

        A name is one of `names`, a hub repository that one of them stands for, or what OpenAI calls it, in
        any case.

        Raises:
            UnknownModel: the name is not in the catalogue.
            ModelUnavailable: the operator's own default is not in the catalogue.
        """
        wanted = (name or "").strip()
        is_default = wanted.casefold() in _DEFAULT_NAMES and wanted not in self.extra_models
        own_name = self.default_name if is_default else self._find(wanted)
        if own_name is not None:
            return self._specification(own_name)
        if is_default:
            reason = f"PRELOAD_MODEL must be one of {', '.join(self.names)}"
            raise ModelUnavailable(self.default, reason, retry_after_seconds=300)
        raise UnknownModel(wanted, self.names)

    @property
    def named_sources(self) -> tuple[str, ...]:
        """Where what the operator named comes from: models, aligners and the pipeline."""
        chosen = (self.resolve(name).source for name in self.allowed)
        return (*self.extra_models.values(), *self.aligners.values(), self.diarizer, *chosen)

    def aligner_source(self, model: ModelSpec, language: str) -> str | None:
        """Return where the aligner for `language` comes from: a directory, a hub repository or the name of
        a torchaudio pipeline; None where none is known."""
        if model.aligner is not None:
            return model.aligner if language in model.aligner_languages else None
        return self.aligners.get(language) or ALIGNER_SOURCES.get(language)

    def diarizer_source(self, model: ModelSpec) -> str:
        """Return where the diarization pipeline comes from: a directory or a hub repository."""
        return model.diarizer or self.diarizer

    @cached_property
    def _own_names(self) -> dict[str, str]:
        """The model's own name by each of its names in lower case; what comes later wins."""
        own_names: dict[str, str] = {}
        for name, repository in WHISPER_REPOSITORIES.items():
            for alias in (repository, *_aliases(name)):
                own_names[alias.casefold()] = self._own_name(name)
        for name, source in self.extra_models.items():
            if not is_directory_source(source):
                own_names.setdefault(source.casefold(), name)
        for name in (*WHISPER_REPOSITORIES, _DEMO_MODEL.name, *self.extra_models):
            own_names[name.casefold()] = self._own_name(name)
        return own_names

    def _own_name(self, name: str) -> str:
        return name if name in self.extra_models else SHORT_NAMES.get(name, name)

    def _is_allowed(self, own_name: str) -> bool:
        return not self.allowed or own_name in self.allowed

    def _find(self, wanted: str) -> str | None:
        own_name = wanted if wanted in self.extra_models else self._own_names.get(wanted.casefold())
        return own_name if own_name is not None and self._is_allowed(own_name) else None

    def _specification(self, own_name: str) -> ModelSpec:
        if own_name in self.extra_models:
            model = _added(own_name, self.extra_models[own_name], self.abilities.get(own_name))
        else:
            model = _DEMO_MODEL if own_name == _DEMO_MODEL.name else _built_in(own_name)
        return replace(model, languages=self.languages)


_DEFAULT_NAMES = ("", "whisper-1")
"""What requests send that do not choose a model: nothing, or OpenAI's only name."""


def _aliases(name: str) -> tuple[str, ...]:
    """Return what others call the built-in model `name`: OpenAI, and those who distilled it."""
    if name.startswith("distil-"):
        return (f"distil-whisper/{name}",)
    return f"whisper-{name}", f"openai/whisper-{name}"


def _built_in(name: str) -> ModelSpec:
    english_only = name.endswith(".en")
    # turbo and the distilled models were trained without translations: they write the source language.
    translates = not (english_only or name.endswith("-turbo") or name.startswith("distil-"))
    return ModelSpec(
        name,
        WHISPER_REPOSITORIES[name],
        abilities=Abilities(english_only=english_only, translates=translates),
    )


def _added(name: str, source: str, abilities: Abilities | None) -> ModelSpec:
    """Return the operator's own model; one from a known repository can do what that one can."""
    for known, repository in WHISPER_REPOSITORIES.items():
        if abilities is None and repository.casefold() == source.casefold():
            abilities = _built_in(known).abilities
    return ModelSpec(name, source, is_local=is_directory_source(source), abilities=abilities or Abilities())


_DEMO_MODEL = ModelSpec(
    name="demo",
    source=str(_DEMO / "whisper"),
    chunk_seconds=10.0,
    aligner=str(_DEMO / "aligner"),
    aligner_languages=("en", "de"),
    diarizer=str(_DEMO / "diarization"),
    is_local=True,
)
