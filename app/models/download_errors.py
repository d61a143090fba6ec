"""Why a download failed, in one sentence that says what to do."""

import errno
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from app.errors import causes

_DISK_ERRORS = {
    errno.ENOSPC: "no space is left in CACHE_DIR",
    errno.EDQUOT: "the disk quota of CACHE_DIR is used up",
    errno.EACCES: "CACHE_DIR cannot be written by the service's user",
    errno.EPERM: "CACHE_DIR cannot be written by the service's user",
    errno.EROFS: "CACHE_DIR is read-only",
    errno.EEXIST: "a symbolic link that is not the service's own lies in its place in CACHE_DIR",
}
_UNREACHABLE = frozenset(
    {"ConnectionError", "Timeout", "ChunkedEncodingError", "SSLError", "ProxyError", "NewConnectionError"}
    | {"gaierror", "TransportError"}
)
"""Exception types by name, of requests and of httpx: the hub's library uses the one or the other."""
_BROKEN_OFF = frozenset({"ChunkedEncodingError", "RemoteProtocolError", "ReadError"})


class Unreachable(Exception):
    """The host did not answer in time."""


class IncompleteDownload(Exception):
    """What arrived is not what was announced."""


class NoRoom(Exception):
    """The disk is too small for what is about to be downloaded."""


def check_room(directory: Path, wanted_bytes: int) -> None:
    """Return if `wanted_bytes` more fit on the disk of `directory`.

    Raises:
        NoRoom: they do not; the message has both figures.
    """
    free = shutil.disk_usage(directory).free
    if wanted_bytes > free:
        raise NoRoom(f"{wanted_bytes / 1e9:.2f} GB are needed in CACHE_DIR and {free / 1e9:.2f} GB are free")


def broke_off(exc: Exception) -> bool:
    """Return whether `exc` says that the host closed the connection in the middle of a file."""
    return _is_of(exc, _BROKEN_OFF)


def explain_download_failure(exc: Exception, *, source: str, page: str, file: str, token_given: bool) -> str:
    """Return why `file` of `source` could not be fetched; `page` is where a person can read about it."""
    status = next(filter(None, map(_status, causes(exc))), None)
    if status is not None:
        return _explain_status(status, exc, source, page, token_given)
    if isinstance(exc, NoRoom):
        return f"{source} does not fit on the disk: {exc}; make room, or give CACHE_DIR a larger disk"
    for link in causes(exc):
        if isinstance(link, OSError) and link.errno in _DISK_ERRORS:
            return f"{source} could not be stored: {_DISK_ERRORS[link.errno]}"
    if isinstance(exc, IncompleteDownload) or "Consistency check failed" in str(exc):
        return f"{file} of {source} arrived damaged: it is not what was announced; it will be fetched again"
    if any(_is_unreachable(link) for link in causes(exc)):
        host = urlsplit(page).netloc
        return (
            f"{source} is not on disk and {host} cannot be reached; check the network, or fetch it elsewhere "
            "with `python -m app prefetch` and copy CACHE_DIR"
        )
    return f"{file or 'the list of files'} of {source} could not be fetched ({type(exc).__name__})"


def _explain_status(status: int, exc: Exception, source: str, page: str, token_given: bool) -> str:
    gated = any(type(link).__name__ == "GatedRepoError" for link in causes(exc))
    if status == 401 and not token_given:
        return (
            f"{source} needs permission: accept its terms at {page} and set HF_TOKEN (or it does not exist)"
        )
    if status == 401:
        return f"the hub refuses HF_TOKEN: create a new token, and accept the terms at {page}"
    if status == 403 and (gated or token_given):
        return (
            f"the account of HF_TOKEN may not read {source}: accept its terms at {page} (a fine-grained "
            "token also needs read access to gated repositories)"
        )
    if status == 403:
        return f"{source} needs permission: accept its terms at {page} and set HF_TOKEN"
    if status == 404:
        return f"{source} does not exist, or lacks a file: see {page}"
    if status == 429:
        return f"{urlsplit(page).netloc} limits the rate of downloads; it will be tried again"
    return f"{urlsplit(page).netloc} answered {status} for {source}; it will be tried again"


def _status(exc: BaseException) -> int | None:
    status = getattr(getattr(exc, "response", None), "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def _is_unreachable(exc: BaseException) -> bool:
    return isinstance(exc, Unreachable) or _is_of(exc, _UNREACHABLE)


def _is_of(exc: BaseException, names: frozenset[str]) -> bool:
    return not names.isdisjoint(kind.__name__ for kind in type(exc).__mro__)
