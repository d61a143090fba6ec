"""Stops working for a client that is gone: pure ASGI, since no framework does it by itself."""

import asyncio
import contextlib

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.request_record import record_of_scope
from app.errors import ClientLeft


class CancelOnDisconnect:
    """Cancels the application when the client closes the connection before it has its answer.

    While a body arrives, the application itself reads the connection and sees the end of it. After that, this
    middleware waits for the end in its place and cancels what the application does: a wait in the queue ends
    at once, running work at its next checkpoint.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        connection = _Connection(receive, send)
        answering = asyncio.ensure_future(self._app(scope, connection.receive, connection.send))
        leaving = asyncio.ensure_future(connection.until_left())
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                record_of_scope(scope).outcome = ClientLeft.code
                answering.cancel()
                await asyncio.wait({answering})
            if not answering.cancelled():
                answering.result()
        finally:
            await _end(leaving)
            await _end(answering)


class _Connection:
    """Passes messages through; once the body is read, one reader alone listens for the end."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._body_read = asyncio.Event()
        self._answered = asyncio.Event()
        self._left = asyncio.Event()

    async def receive(self) -> Message:
        if self._body_read.is_set():
            await self._left.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._left.set()
        if not message.get("more_body", False):
            self._body_read.set()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._answered.set()
        await self._send(message)

    async def until_left(self) -> None:
        """Return when the client left; never if it has its answer, or if the application saw it leave."""
        await self._body_read.wait()
        while not self._left.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                answered = self._answered.is_set()
                self._left.set()
                if not answered:
                    return
        await asyncio.Event().wait()


async def _end(task: asyncio.Future[None]) -> None:
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
