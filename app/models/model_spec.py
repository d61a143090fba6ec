"""What is known of one Whisper model before it is loaded: where it comes from, what it was trained for."""

from dataclasses import dataclass
from pathlib import Path

from app.errors import BadParameter
from app.options.languages import LANGUAGES


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a Whisper model was trained to do."""

    english_only: bool = False
    """The model writes English speech only: no other language, no translation."""
    translates: bool = True
    """Whether the model was trained on task=translate."""

    def restricted_by(self, other: "Abilities") -> "Abilities":
        """Return what both allow."""
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


def is_directory_source(source: str) -> bool:
    """Return whether `source` names a directory: it starts with `/`, `./`, `../` or `~`."""
    return source.startswith(("/", "./", "../", "~"))


def shown_source(source: str) -> str:
    """Return the last part of a directory, whose place is the operator's business, and a repository whole."""
    return Path(source).name if is_directory_source(source) else source


def is_pipeline_source(source: str) -> bool:
    """Return whether `source` names a pipeline of torchaudio, neither a directory nor a hub repository."""
    return "/" not in source and not is_directory_source(source)
