"""Which models a request may name, and what each name stands for. Reads no files."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from app.errors import ModelUnavailable, UnknownModel
from app.models.known_models import (
    ALIGNER_SOURCES,
    DEFAULT_DIARIZER,
    DEFAULT_MODEL,
    OPENAI_NAMES,
    SHORT_NAMES,
    WHISPER_REPOSITORIES,
)
from app.models.model_spec import Abilities, ModelSpec, is_directory_source, shown_source
from app.options.languages import LANGUAGES

_DEMO = Path(__file__).parents[1] / "demo"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_OPENAI_NAME = re.compile(r"gpt-4o[a-z0-9-]*-transcribe[a-z0-9-]*")
"""OpenAI's names with a date, of which there will be more."""
_PIPELINE = re.compile(r"[A-Z][A-Z0-9_]+")


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
    """The allow-list of models and languages: a request can make the service load nothing else."""

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
    """The models that requests may name, by their canonical names; empty: all."""
    languages: tuple[str, ...] = tuple(LANGUAGES)
    """Codes of the languages that requests may name and that are detected."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every model name except the aliases, built-in ones first."""
        built_in = (*WHISPER_REPOSITORIES, _DEMO_MODEL.name)
        every = (*built_in, *(name for name in self.extra_models if name not in built_in))
        return tuple(name for name in every if self._is_allowed(self._canonical_name(name)))

    @property
    def openai_names(self) -> tuple[str, ...]:
        """OpenAI's names for the default model, without those that the operator gave to another one."""
        if self.default_name is None:
            return ()
        return tuple(name for name in OPENAI_NAMES if name not in self.extra_models)

    @property
    def default_name(self) -> str | None:
        """The canonical name of the default model; None where the catalogue has no such model."""
        return self._find(self.default)

    @property
    def diarizer_name(self) -> str:
        """The source of the default model's diarization pipeline as clients may see it."""
        return _DEMO_MODEL.name if self._is_bundled else shown_source(self.diarizer)

    @property
    def sample(self) -> Path | None:
        """A recording to try the default model with; None but for the bundled one, which knows no other."""
        return _DEMO / "meeting.flac" if self._is_bundled else None

    @property
    def _is_bundled(self) -> bool:
        return self.default_name == _DEMO_MODEL.name and self.default_name not in self.extra_models

    def resolve(self, name: str | None = None) -> ModelSpec:
        """Return the model called `name`, or the default one for None or an empty name.

        A name is one of `names`, a hub repository that one of them stands for, or what OpenAI calls it, in
        any case.

        Raises:
            UnknownModel: the name is not in the catalogue.
            ModelUnavailable: the operator's own default is not in the catalogue.
        """
        wanted = (name or "").strip()
        is_default = _means_default(wanted) and wanted not in self.extra_models
        found = self.default_name if is_default else self._find(wanted)
        if found is not None:
            return self._spec(found)
        if is_default:
            reason = f"PRELOAD_MODEL must be one of {', '.join(self.names)}"
            raise ModelUnavailable(self.default, reason, retry_after_seconds=300)
        raise UnknownModel(wanted, self.names)

    @property
    def named_sources(self) -> tuple[str, ...]:
        """Sources of the models, aligners and pipeline that the operator chose."""
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
    def _names_by_alias(self) -> dict[str, str]:
        """The canonical name of each model by each of its names in lower case; what comes later wins."""
        names: dict[str, str] = {}
        for name, repository in WHISPER_REPOSITORIES.items():
            for alias in (repository, *_aliases(name)):
                names[alias.casefold()] = self._canonical_name(name)
        for name, source in self.extra_models.items():
            if not is_directory_source(source):
                names.setdefault(source.casefold(), name)
        for name in (*WHISPER_REPOSITORIES, _DEMO_MODEL.name, *self.extra_models):
            names[name.casefold()] = self._canonical_name(name)
        return names

    def _canonical_name(self, name: str) -> str:
        """Return the canonical name of a built-in model, unless `name` is one of the operator's."""
        return name if name in self.extra_models else SHORT_NAMES.get(name, name)

    def _find(self, wanted: str) -> str | None:
        """Return the canonical name of the model called `wanted`; None where no allowed one is."""
        name = wanted if wanted in self.extra_models else self._names_by_alias.get(wanted.casefold())
        return name if name is not None and self._is_allowed(name) else None

    def _is_allowed(self, name: str) -> bool:
        return not self.allowed or name in self.allowed

    def _spec(self, name: str) -> ModelSpec:
        """Return the model with this canonical name."""
        if name in self.extra_models:
            model = _operators_model(name, self.extra_models[name], self.abilities.get(name))
        else:
            model = _DEMO_MODEL if name == _DEMO_MODEL.name else _built_in(name)
        return replace(model, languages=self.languages)


def _means_default(name: str) -> bool:
    """Return whether `name` chooses no model of ours: it is empty, or OpenAI's name for one of theirs."""
    lower = name.casefold()
    return not name or lower in OPENAI_NAMES or _OPENAI_NAME.fullmatch(lower) is not None


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


def _operators_model(name: str, source: str, abilities: Abilities | None) -> ModelSpec:
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
