"""One log line and one set of figures per request, whatever became of it."""

import asyncio
import logging
import time

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.error_responses import STATUS
from app.api.intake.client_identity import client_of
from app.api.metrics import Metrics
from app.api.paths import Paths
from app.api.request_record import RequestRecord, record_of_scope
from app.errors import ClientLeft
from app.logs import FIELDS

logger = logging.getLogger(__name__)

LEFT = STATUS[ClientLeft]
"""The status of a request that nobody waited to see answered."""

QUIET_ROUTES = frozenset({"/health", "/metrics"})
"""Probed every few seconds: logged at debug level. What makes /health answer 503 has its own line."""


class AccessLog:
    """Logs and counts every request; stands inside the middleware that names it.

    The route is looked up before anything may refuse the request: what is refused has one too.
    """

    def __init__(self, app: ASGIApp, paths: Paths, metrics: Metrics) -> None:
        self._app = app
        self._paths = paths
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = record_of_scope(scope)
        record.route = self._paths.route_of(scope["path"])
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
            self._note(scope, record, status or LEFT, time.perf_counter() - started)

    def _note(self, scope: Scope, record: RequestRecord, status: int, seconds: float) -> None:
        if status == LEFT:
            record.outcome = ClientLeft.code
        record.outcome = record.outcome or ("ok" if status < 400 else f"http_{status}")
        self._metrics.observe(record, seconds)
        quiet = record.route in QUIET_ROUTES and record.outcome in ("ok", "http_503")
        fields: dict[str, object] = {
            "client": client_of(HTTPConnection(scope)),
            "method": scope["method"],
            "route": record.route,
            "status": status,
            "outcome": record.outcome,
            "seconds": round(seconds, 3),
            **_known(record),
        }
        if record.file_name and logger.isEnabledFor(logging.DEBUG):
            fields["file_name"] = record.file_name
        logger.log(logging.DEBUG if quiet else logging.INFO, "request", extra={FIELDS: fields})


def _known(record: RequestRecord) -> dict[str, object]:
    known: dict[str, object] = {}
    if record.upload_bytes:
        known["bytes"] = record.upload_bytes
    if record.model:
        known["model"] = record.model
    if record.audio_seconds is not None:
        known["audio_seconds"] = round(record.audio_seconds, 3)
    if record.refused_origin:
        known["origin"] = record.refused_origin[:100]
    for stage, seconds in record.stage_seconds.items():
        known[f"{stage}_seconds"] = round(seconds, 3)
    return known
