"""Asks a source that may hang, such as a driver, without ever waiting long for it."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


class BoundedReading(Generic[T]):
    """Reads a value in a thread of its own; None if the source fails or needs more than `patience` seconds.

    A source that hangs costs one thread, however often it is asked. Belongs to the event loop.
    """

    def __init__(self, source: Callable[[], T | None], name: str, patience: float = 1.0) -> None:
        self._source = source
        self._name = name
        self._patience = patience
        self._reading: asyncio.Future[tuple[T | None, str]] | None = None
        self._told = ""

    async def value(self) -> T | None:
        """Return the present value; why there is none is logged once."""
        if self._reading is None or self._reading.done():
            self._reading = self._begin()
        await asyncio.wait({self._reading}, timeout=self._patience)
        late = None, f"no answer within {self._patience:g} s"
        value, failure = self._reading.result() if self._reading.done() else late
        if failure and not self._told:
            logger.warning("%s cannot be read: %s", self._name, failure)
        self._told = failure
        return value

    def _begin(self) -> asyncio.Future[tuple[T | None, str]]:
        loop = asyncio.get_running_loop()
        reading: asyncio.Future[tuple[T | None, str]] = loop.create_future()

        def read() -> None:
            try:
                outcome = self._source(), ""
            except Exception as exc:
                outcome = None, f"{type(exc).__name__}: {exc}"
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(reading.set_result, outcome)

        threading.Thread(target=read, name=self._name, daemon=True).start()
        return reading
