"""Which files make up a model of each kind, and whether a directory holds them."""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from app.stage import Stage

_SUBDIRECTORY = re.compile(r"\$model/([A-Za-z0-9_.-]+)")
_OTHER_REPOSITORY = re.compile(r"^\s+(?:segmentation|embedding|plda):\s*([\w.-]+/[\w.-]+)\s*$", re.MULTILINE)
_WEIGHTS = frozenset({".bin", ".npz", ".ckpt", ".pt", ".safetensors"})
_LFS_POINTER = b"version https://git-lfs"
_LARGEST_LFS_POINTER = 1024


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What to download of a repository, and what must be on disk for the model to load."""

    patterns: tuple[str, ...]
    required: tuple[tuple[str, ...], ...]
    """Of each group, one file is enough; where a repository has several, the first is taken."""
    cache_folder: str
    """Where below CACHE_DIR: the places that earlier servers with the same settings used."""
    pipeline: bool = False
    """Whether config.yaml names further folders that must be there."""
    architecture: str = ""
    """How the name of the network in config.json must end; empty: it is not looked at."""


WHISPER_FILES = ModelFiles(
    patterns=("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
    required=(("config.json",), ("model.bin",), ("tokenizer.json",), ("vocabulary.json", "vocabulary.txt")),
    cache_folder="",
)
ALIGNER_FILES = ModelFiles(
    patterns=(
        "config.json",
        "preprocessor_config.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "model.safetensors",
        "pytorch_model.bin",
    ),
    required=(("config.json",), ("vocab.json",), ("model.safetensors", "pytorch_model.bin")),
    cache_folder="",
    architecture="ForCTC",
)
DIARIZER_FILES = ModelFiles(
    patterns=("config.yaml", "*/pytorch_model.bin", "*/*.npz"),
    required=(("config.yaml",),),
    cache_folder="hub",
    pipeline=True,
)


FILES = {Stage.TRANSCRIBE: WHISPER_FILES, Stage.ALIGN: ALIGNER_FILES, Stage.DIARIZE: DIARIZER_FILES}
"""What makes up the model of each stage's engine."""


def select_files(names: Iterable[str], files: ModelFiles) -> list[str]:
    """Return which of a repository's file names to download: of equivalent ones only the first."""
    offered = [name for name in names if any(fnmatch(name, pattern) for pattern in files.patterns)]
    superfluous = {
        name for group in files.required for name in [found for found in group if found in offered][1:]
    }
    return [name for name in offered if name not in superfluous]


def missing_files(directory: Path, files: ModelFiles) -> list[str]:
    """Return what a model in `directory` lacks; empty when it can be loaded."""
    missing = [lack for group in files.required if (lack := _lacks(directory, group)) is not None]
    if files.pipeline:
        folders = _SUBDIRECTORY.findall(_pipeline_config(directory))
        missing += [folder for folder in folders if not _has_weights(directory / folder)]
    return missing


def wrong_kind(directory: Path, files: ModelFiles) -> str | None:
    """Return what the model in `directory` is instead of the kind that is needed; None: nothing tells."""
    if not files.architecture:
        return None
    try:
        config = json.loads((directory / "config.json").read_text(errors="replace"))
        built = [str(name) for name in config.get("architectures") or ()]
    except (ValueError, AttributeError, TypeError):
        return "its config.json is not a JSON object that describes a model"
    if not built or any(name.endswith(files.architecture) for name in built):
        return None
    return f"it is a {', '.join(built)}, where one that ends in {files.architecture} is needed"


def other_repositories(directory: Path) -> list[str]:
    """Return the hub repositories that a pipeline's config.yaml points to instead of its own folders."""
    return sorted(set(_OTHER_REPOSITORY.findall(_pipeline_config(directory))))


def _pipeline_config(directory: Path) -> str:
    config = directory / "config.yaml"
    return config.read_text(errors="replace") if config.is_file() else ""


def size_on_disk(path: Path) -> int:
    """Return the bytes of a file, or of all files below a directory; links are followed."""
    if path.is_file():
        return path.stat().st_size
    return sum(_files_size(Path(folder), names) for folder, _, names in os.walk(path, followlinks=True))


def _files_size(folder: Path, names: Iterable[str]) -> int:
    return sum((folder / name).stat().st_size for name in names if (folder / name).is_file())


def _lacks(directory: Path, names: tuple[str, ...]) -> str | None:
    """Return what `directory` lacks of the equivalent files `names`; None: one of them is there."""
    found = [name for name in names if (directory / name).is_file()]
    if not found:
        return " or ".join(names)
    pointers = [name for name in found if _is_lfs_pointer(directory / name)]
    return f"{pointers[0]} (a pointer lies in its place: run git lfs pull)" if pointers == found else None


def _has_weights(directory: Path) -> bool:
    found = (path for path in directory.rglob("*") if path.suffix in _WEIGHTS and path.is_file())
    return any(not _is_lfs_pointer(path) for path in found)


def _is_lfs_pointer(path: Path) -> bool:
    """Return whether `path` is what git leaves in place of a large file that it did not fetch."""
    if path.stat().st_size > _LARGEST_LFS_POINTER:
        return False
    with path.open("rb") as file:
        return file.read(len(_LFS_POINTER)) == _LFS_POINTER
