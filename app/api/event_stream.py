"""Answers that come in events, as text/event-stream: sent as they are made, never kept by a proxy."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEEP_ALIVE_SECONDS = 10.0
"""Silence after which a comment is sent; proxies and clients give up after 30 seconds and more."""
KEEP_ALIVE = b": keep-alive\n\n"
"""A comment: who reads the stream sees that it lives, and no client takes it for an event."""


def encode_event(name: str, content: Mapping[str, Any]) -> bytes:
    """Return one event.

    It has a name, for Subtitle Edit passes over events without one, and neither `id` nor `retry`, with which
    OpenAI's Python SDK fails.
    """
    return f"event: {name}\ndata: {compact_json(content)}\n\n".encode()


def compact_json(content: Mapping[str, Any]) -> str:
    """Return `content` as one line of JSON in which every number is finite."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class EventStream(Response):
    """Sends headers and a comment at once, then each block as it comes, and a comment into every silence.

    Blocks that end with an exception leave the answer unfinished, so that the client sees it break.
    """

    media_type = "text/event-stream"
    patience = KEEP_ALIVE_SECONDS

    def __init__(
        self,
        blocks: AsyncGenerator[bytes],
        close: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
    ) -> None:
        """Send `blocks`; `close` is called when they are sent or the client has left."""
        # A proxy that compresses what it passes on collects it first.
        fixed = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        super().__init__(headers={**headers, **fixed, "X-Content-Type-Options": "nosniff"})
        del self.headers["content-length"]
        self._blocks = blocks
        self._close = close

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send the answer."""
        try:
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            await send({"type": "http.response.body", "body": KEEP_ALIVE, "more_body": True})
            async with aclosing(self._without_silence()) as blocks:
                async for block in blocks:
                    await send({"type": "http.response.body", "body": block, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self._close()

    async def _without_silence(self) -> AsyncGenerator[bytes]:
        """Yield the blocks, and a comment for every `patience` seconds without one."""
        async with aclosing(self._blocks) as blocks:
            coming = asyncio.create_task(_next(blocks))
            try:
                while True:
                    if not (await asyncio.wait({coming}, timeout=self.patience))[0]:
                        yield KEEP_ALIVE
                        continue
                    block = coming.result()
                    if block is None:
                        return
                    yield block
                    coming = asyncio.create_task(_next(blocks))
            finally:
                coming.cancel()
                await asyncio.wait({coming})


async def _next(blocks: AsyncGenerator[bytes]) -> bytes | None:
    """Return the next block; None after the last."""
    return await anext(blocks, None)
