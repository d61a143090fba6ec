"""Lets an early refusal reach a client that is still sending.

Closing a socket with unread bytes resets the connection, and many clients then lose the answer that is
already there. So the rest of the body is read and dropped for a while before the connection is closed.
"""

import asyncio
import contextlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LingeringClose:
    """Ends the connection after an answer to a body that was not read whole.

    The client has `idle_seconds` between two blocks and `seconds` in all to finish sending. The layers inside
    are done by then: nothing but the open connection is held.
    """

    def __init__(self, app: ASGIApp, seconds: float = 30.0, idle_seconds: float = 2.0) -> None:
        self._app = app
        self._seconds = seconds
        self._idle_seconds = idle_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, waits_for_permission="expect" in Headers(scope=scope))
        end_is_held = False

        async def send_all_but_the_end(message: Message) -> None:
            nonlocal end_is_held
            if not body.over and message["type"] == "http.response.start":
                MutableHeaders(scope=message)["connection"] = "close"
            elif not body.over and not message.get("more_body", False):
                end_is_held = True
                message = {**message, "more_body": True}
            await send(message)

        await self._app(scope, body.receive, send_all_but_the_end)
        if end_is_held:
            await body.discard(self._seconds, self._idle_seconds)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


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

    async def discard(self, seconds: float, idle_seconds: float) -> None:
        """Drop what arrives until the body is over; a client that waits for "100 Continue" sends nothing."""
        if self._silent:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.over:
                    async with asyncio.timeout(idle_seconds):
                        await self.receive()


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "transfer-encoding" in headers or headers.get("content-length", "0").strip("0") != ""
