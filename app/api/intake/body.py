"""The body of an upload as it arrives, bounded in size and patience."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from starlette.types import Message, Receive

from app.api.intake.multipart import FieldLimits
from app.errors import AsrError, ClientLeft, UploadStalled, UploadTooLarge, UploadTooSlow

_FORM_OVERHEAD_BYTES = 64 << 10


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


async def read_body(receive: Receive, limits: UploadLimits) -> AsyncIterator[bytes]:
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
