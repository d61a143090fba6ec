"""Answers that come in events, as text/event-stream: sent as they are made, never kept by a proxy."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_ALIVE_SECONDS = 10.0
"""Silence after which a comment is sent; proxies and clients give up after 30 seconds and more."""
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: who reads the stream sees that it lives, and no client takes it for an event."""


class EventStream(Response):
    """Sends headers and a comment at once, then each block as it comes.

    Blocks that end with an exception leave the answer unfinished, so that the client sees it break.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        blocks: AsyncGenerator[bytes],
        close: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
    ) -> None:
        """Send `blocks`; `close` is called when they are sent or the client has left."""
        fixed = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(headers={**headers, **fixed})
        del self.headers["content-length"]
        self._blocks = blocks
        self._close = close

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
            async with aclosing(self._blocks) as blocks:
                async for block in blocks:
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self._close()
