"""Answers 500, with the shared body, for what no handler foresaw."""

import logging

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.error_responses import error_response
from app.errors import InternalError

logger = logging.getLogger(__name__)


class UnforeseenErrors:
    """Answers 500 for what no handler foresaw.

    Starlette's own handler of Exception sits outside every middleware: its answer would carry no request id.
    Unlike Starlette's, this one does not raise the exception again: uvicorn would log its traceback a second
    time and close the connection, and a client that still sends would lose the answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        started = False

        async def send_watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_watched)
        except Exception as exc:
            if scope["type"] != "http":
                raise
            logger.error("request failed", exc_info=exc)
            if not started:
                await error_response(Request(scope), InternalError())(scope, receive, send)
