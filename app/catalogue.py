"""Which models a request may name, and what stands behind each name. No I/O: only the operator adds to it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from app.errors import ModelUnavailable, UnknownModel
from app.known_models import ALIGNER_SOURCES, SHORT_NAMES, WHISPER_REPOSITORIES

DEFAULT_MODEL = "large-v3"
DEFAULT_DIARIZER = "pyannote/speaker-diarization-community-1"

_DEMO = Path(__file__).parent / "demo"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_PIPELINE = re.compile(r"[A-Z][A-Z0-9_]+")


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
    english_only: bool = False
    """The model writes English speech only: no other language, no translation."""
    translates: bool = True
    """Whether the model was trained on task=translate."""


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
    """The operator's own names; they win over the built-in ones."""
    aligners: Mapping[str, str] = field(default_factory=dict)
    """The operator's aligners by language; they win over the defaults."""
    diarizer: str = DEFAULT_DIARIZER

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every model name except the aliases, built-in ones first."""
        built_in = (*WHISPER_REPOSITORIES, "demo")
        return (*built_in, *(name for name in self.extra_models if name not in built_in))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """OpenAI's names, and the name of this catalogue that each stands for."""
        aliases = {"whisper-1": self.default}
        for name in WHISPER_REPOSITORIES:
            if not name.startswith("distil-"):
                aliases[f"whisper-{name}"] = name
                aliases[f"openai/whisper-{name}"] = name
        return {alias: name for alias, name in aliases.items() if alias not in self.extra_models}

    @property
    def diarizer_name(self) -> str:
        """What people may be told of where the diarization pipeline of the default model comes from."""
        bundled = self.default == "demo" and "demo" not in self.extra_models
        return "demo" if bundled else shown_source(self.diarizer)

    def resolve(self, name: str | None = None) -> ModelSpec:
        """Return the model called `name`, or the default one for None or an empty name.

        Raises:
            UnknownModel: the name is not in the catalogue.
            ModelUnavailable: the operator's own default is not in the catalogue.
        """
        wanted = (name or "").strip()
        spec = self._find(wanted or self.default)
        if spec is None and (not wanted or wanted == "whisper-1"):
            reason = f"PRELOAD_MODEL must be one of {', '.join(self.names)}"
            raise ModelUnavailable(self.default, reason, retry_after_seconds=300)
        if spec is None:
            raise UnknownModel(wanted, self.names)
        return spec

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
    def _by_folded_name(self) -> dict[str, str]:
        return {name.casefold(): name for name in (*self.names, *self.aliases)}

    def _find(self, wanted: str) -> ModelSpec | None:
        name = wanted if wanted in self.extra_models else self._by_folded_name.get(wanted.casefold())
        if name is None:
            return None
        name = self.aliases.get(name, name)
        if name not in self.names:
            return None
        if name in self.extra_models:
            source = self.extra_models[name]
            return ModelSpec(name, source, is_local=is_directory_source(source))
        return _DEMO_MODEL if name == "demo" else _built_in(SHORT_NAMES.get(name, name))


def _built_in(name: str) -> ModelSpec:
    english_only = name.endswith(".en")
    # turbo and the distilled models were trained without translations: they write the source language.
    translates = not (english_only or name.endswith("-turbo") or name.startswith("distil-"))
    return ModelSpec(name, WHISPER_REPOSITORIES[name], english_only=english_only, translates=translates)


_DEMO_MODEL = ModelSpec(
    name="demo",
    source=str(_DEMO / "whisper"),
    chunk_seconds=10.0,
    aligner=str(_DEMO / "aligner"),
    aligner_languages=("en", "de"),
    diarizer=str(_DEMO / "diarization"),
    is_local=True,
)
