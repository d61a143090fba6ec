"""The paths that this service answers, and what to tell a client that uses another."""

from collections.abc import Iterable
from itertools import chain

from starlette.routing import BaseRoute, Mount, Route

from app.api.request_record import UNMATCHED


class Paths:
    """Every path by its declaration, known before anything is routed."""

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        known = tuple(routes)
        self._methods = {route.path: route.methods or set() for route in known if isinstance(route, Route)}
        self._patterns = tuple(
            route for route in known if isinstance(route, Route) and route.param_convertors
        )
        self._mounts = tuple(route.path for route in known if isinstance(route, Mount))

    def route_of(self, path: str) -> str:
        """Return the route that `path` leads to; a word of our own where it leads nowhere."""
        if path in self._methods:
            return path
        patterns = (route.path_format for route in self._patterns if route.path_regex.match(path))
        mounts = (mount for mount in self._mounts if path.startswith(f"{mount}/"))
        return next(chain(patterns, mounts), UNMATCHED)

    def advice(self, path: str) -> str:
        """Return what to do about `path`, which leads nowhere."""
        for route in _OPENAI_ROUTES:
            if route in path:
                return (
                    f"there is no such path here; use POST /v1{route}: the client's base address ends in /v1"
                )
        meant = max((each for each in self._methods if _ends_with(path, each)), key=len, default=None)
        if meant is None:
            return "there is no such path here; /docs shows those that there are"
        method = "POST" if "POST" in self._methods[meant] else "GET"
        return f"there is no such path here; use {method} {meant}: the client's base address ends before it"


_OPENAI_ROUTES = ("/audio/transcriptions", "/audio/translations")
"""Which clients add to a base address that has them already, or lacks the /v1 before them."""


def _ends_with(path: str, known: str) -> bool:
    return known != "/" and path.endswith(known)
