"""What is known about a request when it is over: gathered on its way, read by the access log and metrics."""

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.request_context import RequestContext
from app.stage import Stage

UNMATCHED = "unmatched"
"""The route of a path that nothing answers."""


@dataclass(slots=True)
class RequestRecord:
    """Filled in by middleware, intake and route as each learns its part; holds no word of what was spoken."""

    request_id: str = ""
    route: str = UNMATCHED
    """The path as the service declares it; never the client's own words."""
    key_number: int | None = None
    """Which key was presented, from 1, where the service has several."""
    upload_bytes: int = 0
    file_name: str = ""
    """Logged at debug level only."""
    model: str = ""
    audio_seconds: float | None = None
    stage_seconds: dict[Stage, float] = field(default_factory=dict)
    refused_origin: str = ""
    """The site whose page was turned away."""
    outcome: str = ""
    """The error code; empty while nothing went wrong."""

    def note(self, context: RequestContext, queue_seconds: float | None) -> None:
        """Take over what the stages gathered; a stage that still runs, for nobody, adds nothing more."""
        waited = {} if queue_seconds is None else {Stage.QUEUE: queue_seconds}
        self.stage_seconds = waited | context.stage_seconds
        self.audio_seconds = context.audio_seconds


def record_of_scope(scope: Scope) -> RequestRecord:
    """Return the record of the request, made at need."""
    state = scope.setdefault("state", {})
    record = state.get("record")
    if not isinstance(record, RequestRecord):
        record = state["record"] = RequestRecord()
    return record


def record_of(connection: HTTPConnection) -> RequestRecord:
    """Return the record of the request, made at need."""
    return record_of_scope(connection.scope)
