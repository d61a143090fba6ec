"""Why a download failed, in one sentence that says what to do."""

import errno
from collections.abc import Iterator
from urllib.parse import urlsplit

_DISK_ERRORS = {
    errno.ENOSPC: "no space is left in CACHE_DIR",
    errno.EDQUOT: "the disk quota of CACHE_DIR is used up",
    errno.EACCES: "CACHE_DIR cannot be written by the service's user",
    errno.EPERM: "CACHE_DIR cannot be written by the service's user",
    errno.EROFS: "CACHE_DIR is read-only",
}
_UNREACHABLE = (
    "ConnectionError",
    "Timeout",
    "ChunkedEncodingError",
    "SSLError",
    "ProxyError",
    "NewConnectionError",
    "gaierror",
)


class Unreachable(Exception):
    """The host did not answer in time."""


class IncompleteDownload(Exception):
    """What arrived is not what was announced."""


def explain_download_failure(exc: Exception, *, source: str, page: str, file: str, token_given: bool) -> str:
    """Return why `file` of `source` could not be fetched; `page` is where a person can read about it."""
    status = next(filter(None, map(_status, _links(exc))), None)
    if status is not None:
        return _explain_status(status, exc, source, page, token_given)
    for link in _links(exc):
        if isinstance(link, OSError) and link.errno in _DISK_ERRORS:
            return f"{source} could not be stored: {_DISK_ERRORS[link.errno]}"
    if isinstance(exc, IncompleteDownload) or "Consistency check failed" in str(exc):
        return (
            f"{file} of {source} arrived damaged: its size is not the announced one; it will be fetched again"
        )
    if any(_is_unreachable(link) for link in _links(exc)):
        host = urlsplit(page).netloc
        return (
            f"{source} is not on disk and {host} cannot be reached; check the network, or fetch it elsewhere "
            "with `python -m app prefetch` and copy CACHE_DIR"
        )
    return f"{file or 'the list of files'} of {source} could not be fetched ({type(exc).__name__})"


def _explain_status(status: int, exc: Exception, source: str, page: str, token_given: bool) -> str:
    gated = any(type(link).__name__ == "GatedRepoError" for link in _links(exc))
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
    names = {kind.__name__ for kind in type(exc).__mro__}
    return isinstance(exc, Unreachable) or bool(names & set(_UNREACHABLE))


def _links(exc: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = exc
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
