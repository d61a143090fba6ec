"""GET /health: the true state of the service, without ever waiting for the work."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse

import app
from app.api.dependencies import Services, ServicesDep
from app.api.schemas import HealthAnswer
from app.health.report import HealthReport
from app.models.loaded_model import ModelStatus
from app.stage import Stage
from app.work.worker import WorkerStats

USABLE = frozenset({"healthy", "degraded"})

router = APIRouter(tags=["service"])


@router.get(
    "/health",
    summary="Say whether the service is usable",
    responses={
        200: {"model": HealthAnswer},
        503: {"model": HealthAnswer, "description": "No request can be answered now."},
    },
)
async def health(services: ServicesDep) -> JSONResponse:
    """Return status, device, loaded models, diarization and queue; 503 while no request can be answered."""
    body = health_body(*health_sources(services))
    return JSONResponse(body, 200 if body["status"] in USABLE else 503, headers={"Cache-Control": "no-store"})


def health_sources(
    services: Services,
) -> tuple[HealthReport, WorkerStats, WorkerStats, tuple[ModelStatus, ...], str, str]:
    """Return what the answer is made of; each call takes a lock for microseconds at most."""
    return (
        services.ledger.report(),
        services.worker.stats(),
        services.detection_worker.stats(),
        services.loaded_engines(),
        services.device,
        services.catalogue.diarizer_name,
    )


def health_body(
    report: HealthReport,
    worker: WorkerStats,
    detection: WorkerStats,
    loaded: tuple[ModelStatus, ...],
    device: str,
    diarizer: str,
) -> Mapping[str, Any]:
    """Return the JSON object of the answer."""
    reasons = [*report.reasons, *_worker_reasons(worker, detection)]
    broken = worker.draining or not (worker.healthy and detection.healthy)
    names = [entry.key.name for entry in loaded if entry.key.stage is Stage.TRANSCRIBE]
    return {
        "status": "unhealthy" if broken else report.status,
        "reasons": reasons,
        "device": device,
        "loaded_models": sorted(set(names)),
        "diarization": {
            "model": diarizer,
            "available": report.no_speakers is None,
            "loaded": any(entry.key.stage is Stage.DIARIZE for entry in loaded),
            **({"reason": report.no_speakers} if report.no_speakers else {}),
        },
        "queue": _queue_state(worker),
        "detection_queue": _queue_state(detection),
        "version": app.__version__,
    }


def _queue_state(worker: WorkerStats) -> dict[str, int]:
    return {
        "slots": worker.slots,
        "running": worker.running,
        "waiting": worker.queued,
        "max_waiting": worker.max_queue,
    }


def _worker_reasons(*workers: WorkerStats) -> list[str]:
    reasons = []
    if any(worker.draining for worker in workers):
        reasons.append("the service is shutting down")
    hung, dead = sum(worker.hung for worker in workers), sum(worker.dead for worker in workers)
    if hung or dead:
        slots = sum(worker.slots for worker in workers)
        reasons.append(f"of {slots} worker threads {hung} hang and {dead} ended")
    return reasons
