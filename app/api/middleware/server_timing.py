"""Tells the client where the time of its request went: the header Server-Timing on every answer."""

import time
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.request_record import record_of_scope
from app.stage import Stage

HEADER = "Server-Timing"


class ServerTiming:
    """Sends the stages that the route recorded, and the time until the answer began, in milliseconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                total = time.perf_counter() - started
                stages = record_of_scope(scope).stage_seconds
                MutableHeaders(scope=message)[HEADER] = server_timing(stages, total)
            await send(message)

        await self._app(scope, receive, send_timed)


def server_timing(stage_seconds: Mapping[Stage, float], total_seconds: float) -> str:
    """Return the value of the header: the stages that ran, in their order, and the total.

    >>> server_timing({Stage.DECODE: 0.25, Stage.QUEUE: 0.0012}, 1.5)
    'queue;dur=1.2, decode;dur=250.0, total;dur=1500.0'
    """
    known = [(stage, stage_seconds[stage]) for stage in Stage if stage in stage_seconds]
    return ", ".join(
        f"{stage};dur={seconds * 1000:.1f}" for stage, seconds in (*known, ("total", total_seconds))
    )
