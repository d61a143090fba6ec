"""Uploads on disk: files without a name, so that nothing is ever left behind, not even by kill -9."""

import contextlib
import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import RETRY_SECONDS, ClientLeft, ServiceBusy, StorageFull, Unavailable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PREFIX = "whisperx-asr-api-upload-"
"""Begins the name of every upload; files named so are leftovers of a crash and are removed at start."""


class StoredUpload:
    """The bytes of one upload. Closing it, from any thread, gives the space back once no reader is left."""

    def __init__(self, descriptor: int, on_close: Callable[[], None] = lambda: None) -> None:
        self._descriptor = descriptor
        self._on_close = on_close
        self._lock = threading.Lock()
        self._closed = False
        self.size = 0

    def write(self, block: bytes) -> None:
        """Append `block`; blocks while the disk does.

        Raises:
            StorageFull, Unavailable: the disk is full or broken.
            ClientLeft: the upload was closed meanwhile.
        """
        with self._lock:
            if self._closed:
                raise ClientLeft
            rest = memoryview(block)
            try:
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            except OSError as exc:
                raise storage_error(exc) from exc
            self.size += len(block)

    @contextmanager
    def open(self) -> Iterator[Path]:
        """Yield a path that opens this upload from its first byte, valid inside the `with` block alone.

        The reader holds a descriptor of its own: one that outlives the request can neither fail half-way
        nor come to read another upload.

        Raises:
            ClientLeft: the upload was closed before.
        """
        with self._lock:
            if self._closed:
                raise ClientLeft
            descriptor = os.dup(self._descriptor)
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)
            yield Path(f"{_descriptor_directory()}/{descriptor}")
        finally:
            os.close(descriptor)

    @property
    def closed(self) -> bool:
        """Return whether the upload was given up; never waits."""
        return self._closed

    def close(self) -> None:
        """Give the upload up; twice is fine. Waits for a write under way, and for the disk."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.close(self._descriptor)
        self._on_close()


class UploadStore:
    """The directory where uploads lie while they are received, wait and are decoded."""

    def __init__(self, directory: Path | None) -> None:
        """Use `directory`, or whisperx-asr-api in the system's temporary directory.

        Raises:
            OSError: no file can be made there.
        """
        self.directory = directory or default_directory()
        self._lock = threading.Lock()
        self.open_uploads = 0
        self._remove_leftovers()
        os.close(self._open())

    def new_upload(self) -> StoredUpload:
        """Return an empty upload; whoever asked for it closes it.

        Raises:
            ServiceBusy, StorageFull, Unavailable: the directory is full or cannot be written.
        """
        try:
            upload = StoredUpload(self._open(), on_close=lambda: self._count(-1))
        except OSError as exc:
            raise storage_error(exc) from exc
        self._count(1)
        return upload

    def check_room(self, size: int) -> None:
        """Raise StorageFull if `size` more bytes cannot fit."""
        with contextlib.suppress(OSError):
            if shutil.disk_usage(self.directory).free < size:
                raise StorageFull

    def _count(self, change: int) -> None:
        with self._lock:
            self.open_uploads += change

    def _remove_leftovers(self) -> None:
        """Remove what a crash left behind.

        Where the file system knows no nameless files, an upload has a name for the moment of its making.
        """
        for path in self.directory.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError):
                path.unlink()

    def _open(self) -> int:
        """Open a nameless file; the directory is made anew if something has cleaned it away."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=self.directory, prefix=PREFIX, buffering=0) as opened:
            return os.dup(opened.fileno())


def default_directory() -> Path:
    """Return where uploads lie unless TEMP_DIR says otherwise; raise OSError where nothing can be written."""
    return Path(tempfile.gettempdir()) / "whisperx-asr-api"


def storage_error(exc: OSError) -> Unavailable:
    """Return what to tell a client when the disk says `exc`."""
    if exc.errno in FULL:
        return StorageFull()
    if exc.errno in (errno.EMFILE, errno.ENFILE):
        return ServiceBusy(RETRY_SECONDS)
    return Unavailable("the upload cannot be stored: the temporary directory is not writable", RETRY_SECONDS)


def _descriptor_directory() -> str:
    return "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
