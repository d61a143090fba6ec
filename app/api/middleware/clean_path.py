"""Takes a path as it is meant: slashes that clients double are forgiven, HEAD is answered like GET."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send


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
