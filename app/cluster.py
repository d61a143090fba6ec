"""The application as a replica of Ray Serve; deploy/ray says how nodes and application are started.

This file alone knows Ray. HAProxy, which Ray starts, sends every connection to the replica's own server:
uploads pass through no process of Ray's, and nothing of the application is written a second time.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, Field
from ray import serve
from ray.serve import Application
from ray.serve._private.constants import (
    RAY_SERVE_ENABLE_HA_PROXY,
    RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH,
    RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD,
)
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.routes.health import USABLE, health_of
from app.engines.platform.allocator import keep_working_memory
from app.logs import configure_logging
from app.main import create_app
from app.settings.schema import Settings, read_settings
from app.work.upload_store import default_directory

Build = Callable[[Settings], FastAPI]
Headers = Iterable[tuple[bytes, bytes]]
READ_DIRECTLY = (b"x-request-disconnect-disabled", b"?1")
REQUEST_ID = b"x-request-id"
LOOK_SECONDS = 0.2
REPLICAS_OF_A_NODE = 100
MIDDLEWARES = "app.cluster:middlewares"

logger = logging.getLogger(__name__)


class Choices(BaseModel, extra="forbid"):
    """What the application's `args` in deploy/ray/serve.yaml may say."""

    metrics_port: int = Field(9400, ge=0, le=65_000)
    """First port of the replicas' own /metrics: each takes the next free one of its node. 0: none."""


class PastRay:
    """Lets application and client speak with each other as they do without Ray.

    Ray would take a body off the connection as fast as it comes, into memory. The application reads it
    itself: so it notices a client that leaves, and limits and times uploads. Ray would also name each answer
    a second time, and send each 40 ms late.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _send_at_once(receive)
        others = [pair for pair in scope["headers"] if pair[0] != READ_DIRECTLY[0]]

        async def send_named_once(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": _named_once(message.get("headers", ()))}
            await send(message)

        await self._app({**scope, "headers": [*others, READ_DIRECTLY]}, receive, send_named_once)


def _send_at_once(receive: Receive) -> None:
    """Switch Nagle's algorithm off for the connection of `receive`, which is a method of uvicorn's.

    asyncio does that for sockets that are said to be TCP. Ray opens its own without saying so, and the body
    of an answer waited until the other side had confirmed the head: 40 ms.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    connection = transport.get_extra_info("socket") if transport else None
    if connection is not None and connection.family != socket.AF_UNIX:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _named_once(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Return `headers` with the first X-Request-ID alone, which is the application's."""
    listed = [(name.lower(), value) for name, value in headers]
    names = [pair for pair in listed if pair[0] == REQUEST_ID]
    return [*(pair for pair in listed if pair[0] != REQUEST_ID), *names[:1]]


def middlewares() -> list[Middleware]:
    """Return what stands before every replica; Ray finds it by RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH."""
    return [Middleware(PastRay)]


@serve.ingress()
class Replica:
    """One process with the models on its own GPU."""

    def __init__(self, build: Build, choices: Choices) -> None:
        self._build = build
        self._choices = choices
        self._was_ready = False

    async def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application of this replica, which keeps its uploads apart from those of others.

        Raises:
            RuntimeError: the node's environment is not that of deploy/ray/cluster.env.
            InvalidSettings: settings that make no sense.
        """
        _check_node()
        settings = read_settings()
        configure_logging(settings.log_format, settings.log_level)
        keep_working_memory()
        app = self._build(_with_own_uploads(settings))
        if self._choices.metrics_port:
            self._figures = _serve_figures(app, settings.host, self._choices.metrics_port)
        return app

    async def check_health(self) -> None:
        """Return when work can be done; at the start that is when the models are loaded.

        Raises:
            RuntimeError: it cannot. After three times Ray replaces the replica.
        """
        services = self.app.state.services  # type: ignore[attr-defined]
        while not self._was_ready and health_of(services)["status"] == "loading":  # noqa: ASYNC110
            await asyncio.sleep(LOOK_SECONDS)
        self._was_ready = True
        health = health_of(services)
        if health["status"] not in USABLE | {"loading"}:
            raise RuntimeError("; ".join(health["reasons"]))


def _check_node() -> None:
    reads_directly = (
        RAY_SERVE_ENABLE_HA_PROXY
        and not RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD
        and RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH == MIDDLEWARES
    )
    if not reads_directly:
        raise RuntimeError(
            "start every node, `ray start` included, with the variables of deploy/ray/cluster.env: "
            "without them Ray keeps whole uploads in memory"
        )


def _with_own_uploads(settings: Settings) -> Settings:
    number = serve.get_replica_context().rank.rank
    directory = (settings.temp_dir or default_directory()) / f"replica-{number}"
    return settings.model_copy(update={"temp_dir": directory})


def _serve_figures(app: FastAPI, host: str, first_port: int) -> "asyncio.Task[None] | None":
    """Serve /metrics of `app` alone, at the first port from `first_port` on that is free."""
    listener = _listen(host, range(first_port, first_port + REPLICAS_OF_A_NODE))
    if listener is None:
        logger.warning("no port from %d on is free: this replica has no figures of its own", first_port)
        return None

    async def figures(scope: Scope, receive: Receive, send: Send) -> None:
        answer = app if scope["path"] == "/metrics" else PlainTextResponse("see /metrics\n", 404)
        await answer(scope, receive, send)

    config = uvicorn.Config(figures, lifespan="off", ws="none", log_config=None, access_log=False)
    return asyncio.create_task(uvicorn.Server(config).serve(sockets=[listener]))


def _listen(host: str, ports: Iterable[int]) -> socket.socket | None:
    for port in ports:
        try:
            return socket.create_server((host, port))
        except OSError:
            continue
    return None


def cell(build: Build, choices: Choices) -> Application:
    """Return the deployment of replicas that `build` makes; how many, and on what, the configuration says."""
    return serve.deployment(Replica).options(name="asr").bind(build, choices)


def application(choices: Choices) -> Application:
    """Return what the import path of deploy/ray/serve.yaml stands for."""
    return cell(create_app, choices)
