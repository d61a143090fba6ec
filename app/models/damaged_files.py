"""Damaged downloads: known by the checksum in their name, removed from our own hub cache and nowhere else."""

import errno
import hashlib
import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.errors import causes

logger = logging.getLogger(__name__)

_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_READ_BYTES = 1 << 20
_ABOUT_FILES = frozenset(
    {"JSONDecodeError", "UnicodeDecodeError", "YAMLError", "SafetensorError", "UnpicklingError"}
    | {"BadZipFile", "EOFError"}
)
"""Exception types that only what was read from a file can cause."""
_WORDS_ABOUT_FILES = (
    "incomplete",
    "corrupt",
    "truncated",
    "unable to open file",
    "unsupported model binary version",
    "parse error",
    "while parsing",
    "expected value",
    "failed reading",
    "central directory",
    "invalid load key",
    "magic number",
    "pickled",
    "payload size",
    "vocabulary from the model directory",
    "did not contain valid",
    "decompressing",
)


class DamagedFiles:
    """Looks for damage in the hub cache at `cache_dir`; a file found sound is not read a second time."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._sound: set[tuple[Path, int, int]] = set()

    def removed_after(self, failure: Exception, snapshot: Path) -> str | None:
        """Return what was done about the damage that made loading `snapshot` fail; None: none is known.

        Files are read only if `failure` speaks of files, and only those that it names, if it names any.
        """
        links = dict(own_blobs(snapshot, self._cache_dir))
        if not links or not (named := _suspects(failure, links)):
            return None
        damaged = {link: links[link] for link in named if not self._is_sound(links[link])}
        return _remove(damaged, snapshot) if damaged else None

    def check(self, snapshot: Path, file: str) -> bool:
        """Return whether `file` of `snapshot`, just downloaded, is what its checksum says; else remove it."""
        place = snapshot.resolve() / file
        for link, blob in own_blobs(snapshot, self._cache_dir):
            if link == place and not self._is_sound(blob):
                _remove({link: blob}, snapshot)
                return False
        return True

    def _is_sound(self, blob: Path) -> bool:
        """Return whether `blob` is as its name says; what cannot be read is not called damaged."""
        try:
            status = blob.stat()
            identity = (blob, status.st_size, status.st_mtime_ns)
            if identity in self._sound:
                return True
            sound = blob.name in _checksums(blob, status.st_size)
        except OSError as exc:
            logger.warning("%s cannot be checked for damage: %s", blob, exc)
            return True
        if sound:
            self._sound.add(identity)
        return sound


def own_blobs(snapshot: Path, cache_dir: Path) -> Iterator[tuple[Path, Path]]:
    """Yield (link, blob) of each file of `snapshot` that lies in the `blobs` folder beside it.

    Nothing is yielded where a link on the way, below `cache_dir`, leads to somebody else's folder.
    """
    try:
        place = cache_dir.resolve() / snapshot.relative_to(cache_dir)
    except ValueError:
        return
    blobs = place.parent.parent / "blobs"
    if place.parent.name != "snapshots" or place.resolve() != place or blobs.resolve() != blobs:
        return
    for link in sorted(path for path in place.rglob("*") if path.is_symlink() and path.is_file()):
        blob = link.resolve()
        if blob.parent == blobs and _CHECKSUM.fullmatch(blob.name):
            yield link, blob


def refuse_foreign_link(path: Path, own: Path | None = None) -> None:
    """Return unless `path`, about to be written, is a link to something outside the folder `own`.

    Raises:
        FileExistsError: it is; replacing it or writing through it is not ours to do.
    """
    if path.is_symlink() and (own is None or path.resolve().parent != own.resolve()):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))


def _suspects(failure: Exception, links: Iterable[Path]) -> list[Path]:
    """Return those of `links` that `failure` may be about; none if it does not speak of files."""
    chain = list(causes(failure))
    text = " ".join(str(link) for link in chain)
    if named := [link for link in links if link.name in text]:
        return named
    kinds = {kind.__name__ for link in chain for kind in type(link).__mro__}
    speaks_of_files = kinds & _ABOUT_FILES or any(words in text.lower() for words in _WORDS_ABOUT_FILES)
    return list(links) if speaks_of_files else []


def _remove(damaged: dict[Path, Path], snapshot: Path) -> str:
    """Remove each link and its blob; return what to say of it."""
    names = ", ".join(sorted(link.name for link in damaged))
    try:
        for link, blob in damaged.items():
            blob.unlink()
            link.unlink()
    except OSError as exc:
        logger.warning("%s in %s is damaged and cannot be removed: %s", names, snapshot, exc)
        return (
            f"{names} is damaged and cannot be removed ({exc.strerror}): remove it, to have it fetched again"
        )
    logger.warning("%s in %s was damaged and has been removed", names, snapshot)
    return f"{names} was damaged and has been removed; it will be fetched again"


def _checksums(blob: Path, size: int) -> set[str]:
    """Return the names that fit the content of `blob`: its SHA-256, or git's SHA-1 and the plain one."""
    digests = (
        [hashlib.sha256()] if len(blob.name) == 64 else [hashlib.sha1(b"blob %d\0" % size), hashlib.sha1()]
    )
    with blob.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            for digest in digests:
                digest.update(chunk)
    return {digest.hexdigest() for digest in digests}
