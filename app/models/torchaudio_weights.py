"""Downloads the weights of torchaudio's pipelines, which torch itself would fetch without any time limit."""

import logging
from pathlib import Path

import requests
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]
from huggingface_hub.utils.tqdm import tqdm

from app.models.damaged_files import refuse_foreign_link
from app.models.download_errors import IncompleteDownload, check_room

logger = logging.getLogger(__name__)

TORCH_FILES = "https://download.pytorch.org/torchaudio/models"

_CONNECT_SECONDS, _READ_SECONDS = 3.5, 15.0
_ATTEMPTS = 5
_CHUNK_BYTES = 1 << 16


def download_file(url: str, target: Path, *, show_progress: bool = False) -> None:
    """Fetch `url` into `target`, going on where an earlier, interrupted download stopped.

    A lock beside it, known to other processes too, keeps two of them from writing the same file.

    Raises:
        requests.RequestException: the host cannot be reached, refuses, or broke off too often.
        IncompleteDownload: the size is not the announced one.
        NoRoom: the disk is too small for it.
        OSError: it cannot be written.
    """
    locks = target.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(locks / f"{target.name}.lock"):
        if not target.is_file():
            partial = target.with_name(target.name + ".part")
            refuse_foreign_link(target)
            refuse_foreign_link(partial)
            _fetch(url, target, partial, show_progress)


def _fetch(url: str, target: Path, partial: Path, show_progress: bool) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        held = partial.stat().st_size if partial.exists() else 0
        try:
            _append(url, partial, held, show_progress)
            break
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as exc:
            progressed = partial.exists() and partial.stat().st_size > held
            if attempt == _ATTEMPTS or not progressed:
                raise
            logger.warning("the download of %s broke off, going on: %s", target.name, type(exc).__name__)
    partial.rename(target)


def _append(url: str, partial: Path, held: int, show_progress: bool) -> None:
    headers = {"Range": f"bytes={held}-"} if held else {}
    timeouts = (_CONNECT_SECONDS, _READ_SECONDS)
    with requests.get(url, headers=headers, stream=True, timeout=timeouts) as response:
        if response.status_code == 416:
            partial.unlink()
            raise IncompleteDownload(f"{partial.name} is longer than the file it belongs to")
        response.raise_for_status()
        resumed = response.status_code == 206
        expected = int(response.headers.get("Content-Length", 0)) + (held if resumed else 0)
        check_room(partial.parent, expected - (held if resumed else 0))
        bar = tqdm(  # type: ignore[no-untyped-call]
            total=expected or None,
            initial=held if resumed else 0,
            unit="B",
            unit_scale=True,
            desc=partial.stem,
            disable=not show_progress,
        )
        with bar, partial.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(_CHUNK_BYTES):
                file.write(chunk)
                bar.update(len(chunk))
    size = partial.stat().st_size
    if expected and size < expected:
        raise requests.ConnectionError(f"{size} of {expected} bytes arrived")
    if expected and size > expected:
        partial.unlink()
        raise IncompleteDownload(f"{size} bytes arrived, {expected} were announced")
