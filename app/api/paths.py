"""The paths that this service answers, and what to tell a client that uses another."""

from collections.abc import Iterable

from starlette.routing import BaseRoute, Mount, Route

from app.api.request_record import UNMATCHED


class Paths:
    """Every path by its declaration, known before anything is routed; none has parameters."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        known = tuple(routes)
        self._methods = {route.path: route.methods or set() for route in known if isinstance(route, Route)}
        self._mounts = tuple(route.path for route in known if isinstance(route, Mount))

    def route_of(self, path: str) -> str:
        """Return the route that `path` leads to; a word of our own where it leads nowhere."""
        if path in self._methods:
            return path
        return next((mount for mount in self._mounts if path.startswith(f"{mount}/")), UNMATCHED)

    def advice(self, path: str) -> str:
        """Return what to do about `path`, which leads nowhere."""
        if "/audio/" in path:
            return "there are no OpenAI audio routes here; send the recording to POST /asr as audio_file"
        meant = max((each for each in self._methods if _ends_with(path, each)), key=len, default=None)
        if meant is None:
            return "there is no such path here; /docs shows those that there are"
        method = "POST" if "POST" in self._methods[meant] else "GET"
        return f"there is no such path here; use {method} {meant}: the client's base address ends before it"


def _ends_with(path: str, known: str) -> bool:
    return known != "/" and path.endswith(known)
