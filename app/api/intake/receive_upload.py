"""Receives an upload: counted while it arrives, written straight to our own store, never held in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.types import Message, Receive

from app.api.intake.multipart import FieldLimits, MultipartForm
from app.errors import (
    AsrError,
    ClientLeft,
    EmptyUpload,
    UploadStalled,
    UploadTooLarge,
    UploadTooSlow,
)
from app.work.upload_store import StoredUpload, UploadStore

_FORM_OVERHEAD_BYTES = 64 << 10
_WRITE_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one upload may take."""

    max_file_megabytes: float = 1000
    stall_seconds: float = 60
    min_bytes_per_second: float = 10_000
    """On average, once `stall_seconds` are over; 0: any rate will do."""
    timeout_seconds: float = 14_400
    fields: FieldLimits = field(default_factory=FieldLimits)

    @property
    def max_file_bytes(self) -> int:
        """Return the limit of the file in bytes; a megabyte is 10^6."""
        return int(self.max_file_megabytes * 1_000_000)

    @property
    def max_body_bytes(self) -> int:
        """Return the limit of the body: the file, the fields and what the form adds around them."""
        return self.max_file_bytes + self.fields.all_fields_bytes + _FORM_OVERHEAD_BYTES


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
        async for block in _body(request.receive, limits):
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


async def _body(receive: Receive, limits: UploadLimits) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; bounded in size and patience."""
    sender = _Sender(receive, limits)
    more = True
    while more:
        message = await sender.next_message()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        more = message.get("more_body", False)
        if sender.sent_bytes > limits.max_body_bytes:
            raise UploadTooLarge(limits.max_file_megabytes)
        yield message.get("body", b"")


class _Sender:
    """The other side of one upload: what it has sent, and how long we have waited for that.

    Only waiting counts: while we write to the disk, nobody sends too slowly.
    """

    def __init__(self, receive: Receive, limits: UploadLimits) -> None:
        self.sent_bytes = 0
        self._waited_seconds = 0.0
        self._receive = receive
        self._limits = limits

    async def next_message(self) -> Message:
        """Return what comes next.

        Raises:
            UploadStalled, UploadTooSlow: it did not come in time.
        """
        loop = asyncio.get_running_loop()
        patience, failure = self._patience()
        began = loop.time()
        try:
            async with asyncio.timeout(patience):
                message = await self._receive()
        except TimeoutError as exc:
            raise failure() from exc
        self._waited_seconds += loop.time() - began
        self.sent_bytes += len(message.get("body", b""))
        return message

    def _patience(self) -> tuple[float, Callable[[], AsrError]]:
        """Return for how many seconds more the sender may be silent, and what is wrong after that."""
        stall, rate = self._limits.stall_seconds, self._limits.min_bytes_per_second
        in_all = self._limits.timeout_seconds
        too_long = f"{in_all:g} seconds (UPLOAD_TIMEOUT_SECONDS)"
        too_little = f"{rate:g} bytes per second (UPLOAD_MIN_BYTES_PER_SECOND)"
        ends: list[tuple[float, Callable[[], AsrError]]] = [
            (stall, lambda: UploadStalled(stall)),
            (in_all - self._waited_seconds, lambda: UploadTooSlow(too_long)),
        ]
        if rate:
            until = stall + self.sent_bytes / rate
            ends.append((until - self._waited_seconds, lambda: UploadTooSlow(too_little)))
        return min(ends, key=lambda end: end[0])


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
