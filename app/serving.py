"""Runs the application under uvicorn: SIGTERM finishes accepted work first, a second signal stops at once."""

import asyncio
import logging
import os
import signal
import socket
import sys
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from app.api.dependencies import Services
from app.engines.platform.allocator import keep_working_memory
from app.logs import configure_logging
from app.main import create_app
from app.settings.schema import Settings

logger = logging.getLogger(__name__)

LAST_ANSWERS_SECONDS = 10
"""Time for answers to leave after the last piece of work is done."""


def serve(settings: Settings, *, host: str, port: int) -> NoReturn:
    """Listen until SIGTERM or SIGINT, then end the process."""
    configure_logging(settings.log_format, settings.log_level)
    app = create_app(settings)
    keep_working_memory()
    serve_app(app, settings, host=host, port=port)


def serve_app(
    app: FastAPI, settings: Settings, *, host: str | None = None, port: int | None = None
) -> NoReturn:
    """Serve `app` until SIGTERM or SIGINT, then end the process.

    The interpreter is not taken down first: nothing is left to be done there, while the threads of native
    libraries, idle or still inside a model, may hang or abort a process that unloads what they run on.
    """
    config = uvicorn.Config(
        app,
        host=host or settings.host,
        port=settings.port if port is None else port,
        log_config=None,
        # It would log query strings, and with them what clients write there: keys, prompts.
        access_log=False,
        ws="none",
        # Not whatever is installed beside them, as Ray does: what is tested is what runs.
        http="h11",
        loop="asyncio",
        server_header=False,
        forwarded_allow_ips=list(settings.forwarded_allow_ips),
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
        lifespan="on",
    )
    server = DrainingServer(
        config,
        app,
        settings.shutdown_grace_seconds,
        delay_seconds=settings.shutdown_delay_seconds,
    )
    server.run()
    if not getattr(app.state, "ended", True):
        logger.warning("what has not ended by now, work or the loading of a model, is broken off")
    exit_now(0 if server.started else 1)


def exit_now(status: int) -> NoReturn:
    """End the process at once, whatever its threads do."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(status)


class DrainingServer(uvicorn.Server):
    """Keeps the port open while work drains, so that new requests are told 503 instead of being refused.

    Before that it takes new work for `delay_seconds`, while /health already says that the end is near.
    """

    def __init__(
        self, config: uvicorn.Config, app: FastAPI, grace_seconds: float, *, delay_seconds: float = 0
    ) -> None:
        super().__init__(config)
        self._app = app
        self._grace_seconds = grace_seconds
        self._delay_seconds = delay_seconds
        self._signalled = False
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, and remember the loop that signals are handed to."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, _frame: FrameType | None) -> None:
        """Drain on the first signal; leave without ceremony on the second, or before anything was started.

        The signal is not recorded as uvicorn would: it re-raises those, and the exit status would not be 0.
        """
        if self._signalled or self._loop is None:
            logger.warning("stopping at once: %s", signal.Signals(sig).name)
            exit_now(1)
        self._signalled = True
        name = signal.Signals(sig).name
        logger.info("%s: finishing accepted work, at most %g s", name, self._grace_seconds)
        self._loop.call_soon_threadsafe(self._start_draining)

    def _start_draining(self) -> None:
        self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        services = getattr(self._app.state, "services", None)
        try:
            if isinstance(services, Services):
                workers = (services.worker, services.detection_worker)
                for worker in workers:
                    worker.announce_end()
                await asyncio.sleep(self._delay_seconds)
                await asyncio.gather(*(worker.drain(self._grace_seconds) for worker in workers))
        finally:
            self.should_exit = True
