"""Receives an upload: counted while it arrives, written straight to our own spool, never held in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.types import Receive

from app.api.multipart_form import Field, FieldLimits, FileBegin, FileData, MultipartForm
from app.errors import BadRequest, ClientLeft, EmptyUpload, UploadStalled, UploadTooLarge
from app.spool import Spool, StoredUpload

_FORM_OVERHEAD_BYTES = 64 << 10
_WRITE_BYTES = 256 << 10
_PROGRESS_BYTES = 1024
"""An upload that sends less than this within the stall time counts as stalled, drip or not."""


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one upload may take."""

    max_file_megabytes: float = 1000
    stall_seconds: float = 60
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
    """A received form. The file is gone at the end of the `with` block that gave it."""

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
    request: Request, spool: Spool, limits: UploadLimits, file_names: frozenset[str]
) -> AsyncIterator[ReceivedForm]:
    """Yield the form that `request` carries; the part named in `file_names` is the recording.

    Raises:
        UploadTooLarge: as soon as it is known, from Content-Length or by counting.
        UploadStalled, ClientLeft, EmptyUpload, BadRequest, ServiceBusy, StorageFull, Unavailable.
    """
    announced = request.headers.get("content-length", "").lstrip("0")
    if announced.isascii() and announced.isdigit():
        if len(announced) > 18 or int(announced) > limits.max_body_bytes:
            raise UploadTooLarge(limits.max_file_megabytes)
        spool.check_room(int(announced))
    form = MultipartForm(request.headers.get("content-type", ""), file_names, limits.fields)
    with ExitStack() as stack:
        receiver = _Receiver(spool, limits, file_names, stack)
        async for block in _body(request.receive, limits):
            for event in form.feed(block):
                await receiver.take(event)
        form.end()
        await receiver.flush()
        if receiver.file is not None and receiver.file.size == 0:
            raise EmptyUpload
        yield receiver.received()


async def _body(receive: Receive, limits: UploadLimits) -> AsyncIterator[bytes]:
    """Yield the body as it arrives; bounded in size and patience."""
    loop = asyncio.get_running_loop()
    total = counted = 0
    deadline = loop.time() + limits.stall_seconds
    more = True
    while more:
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError as exc:
            raise UploadStalled(limits.stall_seconds) from exc
        if message["type"] == "http.disconnect":
            raise ClientLeft
        block = message.get("body", b"")
        more = message.get("more_body", False)
        total += len(block)
        if total > limits.max_body_bytes:
            raise UploadTooLarge(limits.max_file_megabytes)
        if total - counted >= _PROGRESS_BYTES:
            counted, deadline = total, loop.time() + limits.stall_seconds
        yield block


class _Receiver:
    """Sorts the events of one form into fields and the spooled file."""

    def __init__(
        self, spool: Spool, limits: UploadLimits, file_names: frozenset[str], stack: ExitStack
    ) -> None:
        self.file: StoredUpload | None = None
        self._spool = spool
        self._limits = limits
        self._file_names = file_names
        self._stack = stack
        self._field_name = self._file_name = ""
        self._fields: list[tuple[str, str]] = []
        self._other_files: list[str] = []
        self._keeping = False
        self._received = 0
        self._pending = bytearray()

    async def take(self, event: Field | FileBegin | FileData) -> None:
        """Handle one event; waits for the disk, so that the client sends no faster than it writes."""
        if isinstance(event, Field):
            self._fields.append((event.name, event.value))
        elif isinstance(event, FileBegin):
            self._begin_file(event)
        elif self._keeping:
            await self._keep(event.block)

    async def flush(self) -> None:
        """Write what is pending."""
        if self.file is not None and self._pending:
            block, self._pending = bytes(self._pending), bytearray()
            await asyncio.to_thread(self.file.write, block)

    def received(self) -> ReceivedForm:
        """Return the form; call it when all events were taken."""
        names = self._field_name, self._file_name
        return ReceivedForm(self.file, *names, tuple(self._fields), tuple(self._other_files))

    def _begin_file(self, part: FileBegin) -> None:
        self._keeping = part.name in self._file_names
        if not self._keeping:
            self._other_files.append(part.name)
            return
        if self.file is not None:
            raise BadRequest(f"{part.name}: send one recording per request; {self._field_name} holds one")
        self.file = self._stack.enter_context(self._spool.new_upload())
        self._field_name, self._file_name = part.name, part.file_name

    async def _keep(self, block: bytes) -> None:
        self._received += len(block)
        if self._received > self._limits.max_file_bytes:
            raise UploadTooLarge(self._limits.max_file_megabytes)
        self._pending += block
        if len(self._pending) >= _WRITE_BYTES:
            await self.flush()
