"""Turns away what web pages of other sites make a visitor's browser send."""

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.error_responses import error_response
from app.api.request_record import record_of_scope
from app.errors import CrossSiteRequest

HARMLESS_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing and their answers cannot be read by another site; links from anywhere must work."""

EVERY_ORIGIN = "*"

OWN_SITE = frozenset({"same-origin", "same-site", "none"})
"""Values of Sec-Fetch-Site; none: a person acted, not a page."""


class RefuseCrossSite:
    """Answers 403 to a POST, or whatever else may cost something, from a page of a site that nobody allowed.

    A browser sends an ordinary form to any host, with the password it keeps for that host, and only hides the
    answer from the page. It says so: in Sec-Fetch-Site over https and on the own machine, and in Origin. Who
    sends neither is no browser. A page counts as ours if its host is the one that the request names, whatever
    the port and the scheme: a proxy in front may have changed those.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str] = ()) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] == "http" and scope["method"] not in HARMLESS_METHODS:
            headers = Headers(scope=scope)
            if self._is_foreign(headers):
                record_of_scope(scope).refused_origin = headers.get("origin") or "none"
                refusal = CrossSiteRequest(headers.get("origin"), headers.get("host", ""))
                await error_response(Request(scope), refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_foreign(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None and (self._is_allowed(origin) or _host_of(origin) in _own_hosts(headers)):
            return False
        site = headers.get("sec-fetch-site")
        return origin is not None if site is None else site not in OWN_SITE

    def _is_allowed(self, origin: str) -> bool:
        return EVERY_ORIGIN in self._origins or origin.lower() in self._origins


def _own_hosts(headers: Headers) -> Iterator[str]:
    """Yield the hosts that the client may have meant: its own word, and a proxy's for it.

    No page can make a browser send X-Forwarded-Host to another site unasked, so that it needs no trust.
    """
    for value in (headers.get("host", ""), *headers.get("x-forwarded-host", "").split(",")):
        host = _host_of(f"//{value.strip()}")
        if host:
            yield host


def _host_of(origin: str) -> str:
    """Return the host of an origin or, with // before it, of a Host header; empty where there is none.

    >>> _host_of("http://[::1]:9000"), _host_of("//nas.lan.:9000"), _host_of("null")
    ('::1', 'nas.lan', '')
    """
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return ""
    return host.removesuffix(".")
