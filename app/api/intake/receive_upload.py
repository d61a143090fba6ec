"""Receives an upload: counted while it arrives, written straight to our own store, never held in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from app.api.intake.body import UploadLimits, read_body
from app.api.intake.multipart import MultipartForm
from app.errors import EmptyUpload, UploadTooLarge
from app.work.upload_store import StoredUpload, UploadStore

_WRITE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class ReceivedForm:
    """A received form. The file is gone at the end of the `with` block that gave it, or when it is closed."""

    file: StoredUpload | None
    field_name: str
    """The form field that it came in."""
    file_name: str
    """What the client calls the file: for people and the debug log only, never for a path."""
    fields: tuple[tuple[str, str], ...]
    other_files: tuple[str, ...]
    """Names of file parts that nobody asked for; their bytes were not kept."""


@asynccontextmanager
async def receive_upload(
    request: Request, store: UploadStore, limits: UploadLimits, file_names: frozenset[str]
) -> AsyncIterator[ReceivedForm]:
    """Yield the form that `request` carries; the part named in `file_names` is the recording.

    Raises:
        UploadTooLarge: as soon as it is known, from Content-Length or by counting.
        UploadStalled, UploadTooSlow, ClientLeft: while it arrives.
        EmptyUpload, BadRequest, ServiceBusy, StorageFull, Unavailable.
    """
    _check_announced(request.headers.get("content-length", ""), store, limits)
    form = MultipartForm(request.headers.get("content-type", ""), file_names, limits.fields)
    recording = _Recording(store, limits)
    try:
        async for block in read_body(request.receive, limits):
            received = form.feed(block)
            if form.recording_part:
                await recording.add(received)
        form.end()
        await recording.flush()
        if recording.file is not None and recording.file.size == 0:
            raise EmptyUpload
        names = form.recording_part, form.file_name
        yield ReceivedForm(recording.file, *names, tuple(form.fields), tuple(form.other_files))
    finally:
        await recording.close()


def _check_announced(content_length: str, store: UploadStore, limits: UploadLimits) -> None:
    """Refuse what is known to be too much before the first byte of it arrives."""
    announced = content_length.lstrip("0")
    if announced.isascii() and announced.isdigit():
        if len(announced) > 18 or int(announced) > limits.max_body_bytes:
            raise UploadTooLarge(limits.max_file_megabytes)
        store.check_room(int(announced))


class _Recording:
    """The recording of one form on its way to the disk."""

    def __init__(self, store: UploadStore, limits: UploadLimits) -> None:
        self.file: StoredUpload | None = None
        self._store = store
        self._limits = limits
        self._received = 0
        self._pending = bytearray()

    async def add(self, block: bytearray) -> None:
        """Keep `block`; waits for the disk, so that the client sends no faster than it writes."""
        if self.file is None:
            self.file = self._store.new_upload()
        self._received += len(block)
        if self._received > self._limits.max_file_bytes:
            raise UploadTooLarge(self._limits.max_file_megabytes)
        self._pending += block
        if len(self._pending) >= _WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what is pending."""
        if self.file is not None and self._pending:
            block, self._pending = bytes(self._pending), bytearray()
            await asyncio.to_thread(self.file.write, block)

    async def close(self) -> None:
        """Give the file up, in a thread, for that waits for the disk; happens even to a cancelled request."""
        if self.file is not None and not self.file.closed:
            closing = asyncio.get_running_loop().run_in_executor(None, self.file.close)
            await asyncio.shield(closing)
