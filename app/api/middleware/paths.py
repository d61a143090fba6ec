"""The paths that this service answers: slashes that clients double are forgiven, mistakes are explained."""

import re
from collections.abc import Iterable

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

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


def clean(path: str) -> str:
    """Return `path` without doubled slashes and without one at its end.

    >>> clean("//v1//models/"), clean("//")
    ('/v1/models', '/')
    """
    return re.sub("/+", "/", path).rstrip("/") or "/"


class CleanPath:
    """Takes //asr and /asr/ for /asr: clients join addresses so, and a redirect would lose what they POST."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http":
            scope = {**scope, "path": clean(scope["path"])}
        await self._app(scope, receive, send)


class HeadAsGet:
    """Lets the routes answer HEAD as they answer GET; the server leaves the body out and keeps its length."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


def _ends_with(path: str, known: str) -> bool:
    return known != "/" and path.endswith(known)
