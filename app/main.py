"""Puts the application together: routes, middleware, and what lives as long as the process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from app import __version__
from app.api.dependencies import Services
from app.api.error_responses import install_error_handlers
from app.api.intake.body import UploadLimits
from app.api.metrics import Metrics, Sources
from app.api.middleware.access_log import AccessLog
from app.api.middleware.api_key import RequireKey
from app.api.middleware.clean_path import CleanPath, HeadAsGet
from app.api.middleware.cross_site import RefuseCrossSite
from app.api.middleware.disconnect import CancelOnDisconnect
from app.api.middleware.lingering_close import LingeringClose
from app.api.middleware.request_id import RequestId
from app.api.middleware.server_timing import ServerTiming
from app.api.middleware.unforeseen_errors import UnforeseenErrors
from app.api.openai import routes as openai
from app.api.openapi import API_INFO, install_openapi
from app.api.paths import Paths
from app.api.routes import asr, assets, docs, health, models, page, render
from app.api.routes import detect_language as languages
from app.audio.decoder import Decoder
from app.composition import EngineStack, build_engine_stack
from app.engines.interfaces import Engines
from app.engines.platform.device_plan import DevicePlan
from app.engines.platform.gpu import gpu_memory
from app.health.ledger import Ledger
from app.health.preloader import PATIENT, RetryPauses
from app.health.self_check import SelfCheck
from app.pace import Pace
from app.pipeline import Pipeline
from app.settings.schema import Settings
from app.work.places import UploadsPerClient
from app.work.upload_store import UploadStore
from app.work.worker import Worker

ROUTERS = (
    asr.router,
    render.router,
    languages.router,
    openai.router,
    models.router,
    health.router,
    docs.router,
    page.router,
)


_RENDERINGS = 2


def create_app(
    settings: Settings | None = None, engines: Engines | None = None, pauses: RetryPauses = PATIENT
) -> FastAPI:
    """Return the application for `settings`, or for the environment's; `engines` replaces the real ones.

    Raises:
        ValueError: settings that make no sense; the message names them.
    """
    settings = settings or Settings()
    stack = build_engine_stack(settings, pauses)
    services = _services(settings, stack, engines or stack.engines)
    app = FastAPI(
        **API_INFO,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=partial(_lifespan, services=services, stack=stack if engines is None else None),
    )
    metrics = Metrics(_sources(services))
    for router in ROUTERS:
        app.include_router(router)
    app.add_api_route("/metrics", metrics.endpoint, include_in_schema=False)
    assets.mount_assets(app)
    install_openapi(app)
    paths = Paths([*app.routes, *(route for router in ROUTERS for route in router.routes)])
    install_error_handlers(app, paths)
    _add_middleware(app, settings, paths, metrics)
    return app


def _services(settings: Settings, stack: EngineStack, engines: Engines) -> Services:
    pace = Pace()
    return Services(
        catalogue=stack.catalogue,
        upload_limits=UploadLimits(
            settings.max_file_size_mb,
            stall_seconds=settings.upload_stall_seconds,
            min_bytes_per_second=settings.upload_min_bytes_per_second,
            timeout_seconds=settings.upload_timeout_seconds,
        ),
        uploads_per_client=UploadsPerClient(settings.max_uploads_per_client),
        renderings=asyncio.Semaphore(_RENDERINGS),
        upload_store=UploadStore(settings.temp_dir),
        pipeline=_pipeline(settings, stack, engines, pace),
        pace=pace,
        worker=_worker(settings, settings.gpu_concurrency, "slot"),
        detection_worker=_worker(settings, 1, "detection"),
        # Engines from outside are ready as they come: there is nothing to preload.
        ledger=stack.ledger if engines is stack.engines else Ledger(),
        loaded_engines=stack.pool.loaded,
        device=stack.plan.whisper,
        max_audio_seconds=settings.max_duration_minutes * 60,
        timeout_seconds=settings.request_timeout,
    )


def _pipeline(settings: Settings, stack: EngineStack, engines: Engines, pace: Pace) -> Pipeline:
    decoder = Decoder(
        max_minutes=settings.max_duration_minutes, timeout_seconds=settings.decode_timeout_seconds
    )
    concurrently = _concurrently(settings.diarize_concurrently, stack.plan)
    return Pipeline(engines, decoder, diarize_concurrently=concurrently, pace=pace)


def _worker(settings: Settings, slots: int, name: str) -> Worker:
    return Worker(
        slots,
        settings.max_queue_size,
        name=name,
        queue_timeout=settings.queue_timeout,
        request_timeout=settings.request_timeout,
        watchdog_seconds=settings.watchdog_seconds,
    )


def _concurrently(wanted: str, plan: DevicePlan) -> bool:
    """Return whether diarization runs while transcription does.

    On one CPU both would share the same cores, and on one GPU the same memory; on two devices neither waits.
    """
    return wanted == "on" or (wanted == "auto" and plan.whisper != plan.diarize)


@asynccontextmanager
async def _lifespan(app: FastAPI, *, services: Services, stack: EngineStack | None) -> AsyncIterator[None]:
    """Run what lives as long as the process: worker threads, preloading, unloading of idle models."""
    app.state.services = services
    workers = (services.worker, services.detection_worker)
    for worker in workers:
        await worker.start()
    checking: asyncio.Task[None] | None = None
    if stack is not None:
        stack.start()
        check = SelfCheck(stack.ledger, stack.engines, services.worker, is_loaded=stack.is_loaded)
        checking = asyncio.create_task(check.watch())
    try:
        yield
    finally:
        if stack is not None and checking is not None:
            checking.cancel()
            stack.stop()
        work_ended = all(await asyncio.gather(*(worker.stop() for worker in workers)))
        app.state.ended = work_ended and (stack is None or not stack.pool.loading)


def _sources(services: Services) -> Sources:
    return Sources(
        worker=services.worker.stats,
        detection_worker=services.detection_worker.stats,
        open_uploads=lambda: services.upload_store.open_uploads,
        loaded_engines=services.loaded_engines,
        gpu_memory=gpu_memory,
    )


def _add_middleware(app: FastAPI, settings: Settings, paths: Paths, metrics: Metrics) -> None:
    """Wrap the routes, innermost first: each layer sees what the ones below it answer."""
    app.add_middleware(HeadAsGet)
    app.add_middleware(CancelOnDisconnect)
    app.add_middleware(RequireKey, keys=[key.get_secret_value() for key in settings.api_key])
    app.add_middleware(RefuseCrossSite, origins=settings.cors_origins)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=[
                "X-Request-ID",
                "X-Asr-Warnings",
                "X-Should-Retry",
                "Server-Timing",
                "Content-Disposition",
                "Retry-After",
            ],
        )
    app.add_middleware(UnforeseenErrors)
    app.add_middleware(AccessLog, paths=paths, metrics=metrics)
    app.add_middleware(ServerTiming)
    app.add_middleware(RequestId)
    app.add_middleware(CleanPath)
    app.add_middleware(LingeringClose)
