"""GET /health: the true state of the service, without ever waiting for the work."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

import app
from app.api.dependencies import Services, ServicesDep
from app.api.schemas import DiarizationState, HealthAnswer, QueueState
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
    body = health_of(services)
    return JSONResponse(body, 200 if body["status"] in USABLE else 503, headers={"Cache-Control": "no-store"})


def health_of(services: Services) -> HealthAnswer:
    """Return the state of `services`; each part of it takes a lock for microseconds at most."""
    return health_body(
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
) -> HealthAnswer:
    """Return the JSON object of the answer."""
    reasons = [*report.reasons, *_worker_reasons(worker, detection)]
    broken = worker.draining or not (worker.healthy and detection.healthy)
    names = [entry.key.name for entry in loaded if entry.key.stage is Stage.TRANSCRIBE]
    diarization: DiarizationState = {
        "model": diarizer,
        "available": report.no_speakers is None,
        "loaded": any(entry.key.stage is Stage.DIARIZE for entry in loaded),
    }
    if report.no_speakers:
        diarization["reason"] = report.no_speakers
    return {
        "status": "unhealthy" if broken else report.status,
        "reasons": reasons,
        "device": device,
        "loaded_models": sorted(set(names)),
        "diarization": diarization,
        "queue": _queue_state(worker),
        "detection_queue": _queue_state(detection),
        "version": app.__version__,
    }


def _queue_state(worker: WorkerStats) -> QueueState:
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
