"""One log line and one set of figures per request, whatever became of it."""

import asyncio
import logging
import time
from collections.abc import Mapping

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.client_identity import client_of
from app.api.metrics import Metrics
from app.api.request_id import request_id_of
from app.api.request_record import RequestRecord, record_of_scope
from app.errors import ClientLeft
from app.logs import FIELDS

logger = logging.getLogger(__name__)

QUIET_ROUTES = frozenset({"/health", "/metrics"})
"""Probed every few seconds: logged at debug level. What makes /health answer 503 has its own line."""

LEFT_STATUS = 499


class AccessLog:
    """Logs and counts every request; stands inside the middleware that names it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = record_of_scope(scope)
        started = time.perf_counter()
        status = 0

        async def receive_counted() -> Message:
            message = await receive()
            record.upload_bytes += len(message.get("body", b""))
            return message

        async def send_watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_counted, send_watched)
        except asyncio.CancelledError:
            record.outcome = record.outcome or ClientLeft.code
            raise
        except Exception:
            record.outcome, status = "internal_error", 500
            raise
        finally:
            self._note(scope, record, status or LEFT_STATUS, time.perf_counter() - started)

    def _note(self, scope: Scope, record: RequestRecord, status: int, seconds: float) -> None:
        connection = HTTPConnection(scope)
        record.client = client_of(connection)
        if status == LEFT_STATUS:
            record.outcome = ClientLeft.code
        outcome = record.outcome or ("ok" if status < 400 else f"http_{status}")
        route = route_of(scope)
        stages: dict[str, float] = scope.get("state", {}).get("stage_seconds", {})
        self._metrics.observe(route, outcome, seconds, record, stages)
        quiet = route in QUIET_ROUTES and outcome in ("ok", "http_503")
        fields: dict[str, object] = {
            "id": request_id_of(connection),
            "client": record.client,
            "method": scope["method"],
            "route": route,
            "status": status,
            "outcome": outcome,
            "seconds": round(seconds, 3),
            **_known(record, stages),
        }
        if record.file_name and logger.isEnabledFor(logging.DEBUG):
            fields["file_name"] = record.file_name
        logger.log(logging.DEBUG if quiet else logging.INFO, "request", extra={FIELDS: fields})


def route_of(scope: Scope) -> str:
    """Return the pattern of the route that answered; never the path, which a client chooses."""
    return str(getattr(scope.get("route"), "path", "unmatched"))


def _known(record: RequestRecord, stages: Mapping[str, float]) -> dict[str, object]:
    known: dict[str, object] = {}
    if record.upload_bytes:
        known["bytes"] = record.upload_bytes
    if record.model:
        known["model"] = record.model
    if record.audio_seconds is not None:
        known["audio_seconds"] = round(record.audio_seconds, 3)
    if record.refused_origin:
        known["origin"] = record.refused_origin[:100]
    for stage, seconds in stages.items():
        known[f"{stage}_seconds"] = round(seconds, 3)
    return known
