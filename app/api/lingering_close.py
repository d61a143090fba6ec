"""Lets an early refusal reach a client that is still sending.

Closing a socket with unread bytes resets the connection, and the client's system throws away the answer it
already has. So the rest of the body is read and dropped for a moment before the connection is closed.
"""

import asyncio
import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LingeringClose:
    """Closes the connection, at most `seconds` later, after an answer to a body that was not read whole."""

    def __init__(self, app: ASGIApp, seconds: float = 2.0) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, waits_for_permission="expect" in Headers(scope=scope))

        async def send_and_linger(message: Message) -> None:
            if body.over:
                await send(message)
            elif message["type"] == "http.response.start":
                MutableHeaders(scope=message)["connection"] = "close"
                await send(message)
            elif message.get("more_body", False):
                await send(message)
            else:
                await send({**message, "more_body": True})
                await body.discard(self._seconds)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        await self._app(scope, body.receive, send_and_linger)


class _Body:
    def __init__(self, receive: Receive, *, waits_for_permission: bool) -> None:
        self._receive = receive
        self._silent = waits_for_permission
        self.over = False

    async def receive(self) -> Message:
        self._silent = False
        message = await self._receive()
        self.over = not message.get("more_body", False)
        return message

    async def discard(self, seconds: float) -> None:
        """Drop what arrives until the body is over; a client that waits for "100 Continue" sends nothing."""
        if self._silent:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.over:
                    await self.receive()


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""
