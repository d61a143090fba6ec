"""Lets only those in who carry a key, in any of the three ways that clients know."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Sequence

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.error_responses import error_response
from app.api.request_record import record_of_scope
from app.errors import Unauthorized

OPEN_PATHS = frozenset({"/health"})
"""What answers without a key: the probe of an orchestrator."""


class RequireKey:
    """Answers 401, and nothing more, to a request without a valid key.

    The key comes as `Authorization: Bearer KEY`, as `X-API-Key: KEY`, or as the password of HTTP Basic, which
    is what clients make of http://user:KEY@host. With no keys configured everyone is let in.
    """

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = tuple(_digest(key.encode()) for key in keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http" or not self._digests or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        number = self._key_number(Headers(scope=scope))
        if number is None:
            await error_response(Request(scope), Unauthorized())(scope, receive, send)
            return
        if len(self._digests) > 1:
            record_of_scope(scope).key_number = number
        await self._app(scope, receive, send)

    def _key_number(self, headers: Headers) -> int | None:
        """Return which key was presented, from 1; every key is compared, in constant time."""
        found = None
        for presented in _presented(headers):
            digest = _digest(presented)
            for number, expected in enumerate(self._digests, 1):
                if hmac.compare_digest(digest, expected):
                    found = number
        return found


def _digest(key: bytes) -> bytes:
    """Return a hash of fixed length, so that comparing tells nothing of the length of a key either."""
    return hashlib.sha256(key).digest()


def _presented(headers: Headers) -> Iterator[bytes]:
    if "x-api-key" in headers:
        yield headers["x-api-key"].encode("latin-1").strip()
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    credentials = credentials.strip()
    if scheme.lower() == "bearer":
        yield credentials.encode("latin-1")
    elif scheme.lower() == "basic":
        try:
            _, _, password = base64.b64decode(credentials, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return
        yield password
