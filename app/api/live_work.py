"""Work whose client listens to it: what it tells on its way, on the event loop."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Generic, TypeVar

from app.api.event_stream import EventStream
from app.checkpoint import Checkpoint
from app.events import ChunkDecoded, Event, StageAdvanced
from app.request_context import RequestContext
from app.stage import Stage
from app.work.worker import Place

T = TypeVar("T")

FIRST_SECONDS = 1.0
"""How long an answer waits for a failure that deserves a status of its own."""

ADVANCE_SECONDS = 0.1
"""Between two advances that the event loop hears of: engines tell of hundreds a second, and each wakes it."""


class LiveWork(Generic[T]):
    """One piece of work, begun when this is made; it is stopped when this is closed."""

    def __init__(
        self,
        place: Place,
        context: RequestContext,
        work: Callable[[Checkpoint], T],
        holding: AsyncExitStack,
    ) -> None:
        """Let `work` be done at `place`, and listen; `holding` is closed as soon as the work is over."""
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Event | None] = asyncio.Queue()
        self._readable = asyncio.Event()
        self._chunks = 0
        self._advanced_at = 0.0
        self._holding = holding
        context.tell = self._tell
        self._work = asyncio.create_task(place.run(work))
        self._work.add_done_callback(self._end)

    async def until_readable(self) -> None:
        """Return once the recording is decoded, or after a second; raise what the work raised by then."""
        decoded = asyncio.create_task(self._readable.wait())
        try:
            await asyncio.wait(
                {self._work, decoded}, timeout=FIRST_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            decoded.cancel()
        if self._work.done():
            self._work.result()

    async def listen(self, patience: float | None = None) -> AsyncIterator[Event | None]:
        """Yield what the work tells until it is over; None after every `patience` seconds of silence."""
        while True:
            try:
                async with asyncio.timeout(patience):
                    event = await self._told.get()
            except TimeoutError:
                yield None
                continue
            if event is None:
                return
            if not isinstance(event, ChunkDecoded):
                yield event
            elif event.number >= self._chunks:  # others were told of before memory ran out
                self._chunks = event.number + 1
                yield event

    async def result(self) -> T:
        """Return what the work returned, or raise what it raised; its place is given back by then."""
        try:
            return await self._work
        finally:
            await self._holding.aclose()

    async def close(self) -> None:
        """Stop the work, if it is not over, and give back its place."""
        self._work.cancel()
        await asyncio.wait({self._work})
        await self._holding.aclose()

    def _tell(self, event: Event) -> None:
        """Take an event from the thread that works; of advances close to each other only the first."""
        if isinstance(event, StageAdvanced):
            now = time.monotonic()
            if now - self._advanced_at < ADVANCE_SECONDS:
                return
            self._advanced_at = now
        self._loop.call_soon_threadsafe(self._note, event)

    def _note(self, event: Event) -> None:
        if isinstance(event, ChunkDecoded) or event.stage is not Stage.DECODE:
            self._readable.set()
        self._told.put_nowait(event)

    def _end(self, work: "asyncio.Task[T]") -> None:
        self._told.put_nowait(None)
        if not work.cancelled():
            work.exception()  # it counts as seen: a client that left does not ask for it


async def answer_in_events(
    live: LiveWork[T],
    events: AsyncGenerator[bytes],
    headers: Callable[[], Mapping[str, str]] = dict,
) -> EventStream:
    """Return the answer that tells of `live` by `events`; its `headers` are asked for when it begins.

    Raises:
        AsrError: what goes wrong before that.
    """
    try:
        await live.until_readable()
    except BaseException:
        await live.close()
        raise
    return EventStream(events, live.close, headers())
