"""Which files make up a model of each kind, and whether a directory holds them."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_SUBDIRECTORY = re.compile(r"\$model/([A-Za-z0-9_.-]+)")
_OTHER_REPOSITORY = re.compile(r"^\s+(?:segmentation|embedding|plda):\s*([\w.-]+/[\w.-]+)\s*$", re.MULTILINE)
_READ_BYTES = 1 << 20


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
)
DIARIZER_FILES = ModelFiles(
    patterns=("config.yaml", "*/pytorch_model.bin", "*/*.npz"),
    required=(("config.yaml",),),
    cache_folder="hub",
    pipeline=True,
)


def select_files(names: Iterable[str], files: ModelFiles) -> list[str]:
    """Return which of a repository's file names to download: of equivalent ones only the first."""
    offered = [name for name in names if any(fnmatch(name, pattern) for pattern in files.patterns)]
    superfluous = {
        name for group in files.required for name in [found for found in group if found in offered][1:]
    }
    return [name for name in offered if name not in superfluous]


def missing_files(directory: Path, files: ModelFiles) -> list[str]:
    """Return what a model in `directory` lacks; empty when it can be loaded."""
    missing = [
        " or ".join(group)
        for group in files.required
        if not any((directory / name).is_file() for name in group)
    ]
    config = directory / "config.yaml"
    if files.pipeline and config.is_file():
        missing += [
            folder
            for folder in _SUBDIRECTORY.findall(config.read_text())
            if not _has_files(directory / folder)
        ]
    return missing


def other_repositories(directory: Path) -> list[str]:
    """Return the hub repositories that a pipeline's config.yaml points to instead of its own folders."""
    config = directory / "config.yaml"
    return sorted(set(_OTHER_REPOSITORY.findall(config.read_text()))) if config.is_file() else []


def remove_damaged_files(snapshot: Path) -> list[str]:
    """Delete the files of a hub snapshot whose content does not match their checksum; return their names.

    The hub's cache names each file after its checksum, so that this needs no network.
    """
    damaged = []
    for link in sorted(path for path in snapshot.rglob("*") if path.is_symlink() and path.is_file()):
        blob = link.resolve()
        if _checksum(blob) != blob.name:
            blob.unlink()
            link.unlink()
            damaged.append(str(link.relative_to(snapshot)))
    return damaged


def size_on_disk(path: Path) -> int:
    """Return the bytes of a file, or of all files below a directory."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def _has_files(directory: Path) -> bool:
    return directory.is_dir() and any(path.is_file() for path in directory.rglob("*"))


def _checksum(blob: Path) -> str:
    """Return the checksum that the blob is named after: SHA-256 of large files, git's SHA-1 of others."""
    digest = hashlib.sha256() if len(blob.name) == 64 else hashlib.sha1(b"blob %d\0" % blob.stat().st_size)
    with blob.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
