"""What routes may ask for; the lifespan of the application puts it there."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.api.intake.body import UploadLimits
from app.health.ledger import Ledger
from app.models.catalogue import Catalogue
from app.models.loaded_model import ModelStatus
from app.pace import Pace
from app.pipeline import Pipeline
from app.work.places import UploadsPerClient
from app.work.upload_store import UploadStore
from app.work.worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a route needs to do its work."""

    catalogue: Catalogue
    upload_limits: UploadLimits
    upload_store: UploadStore
    pipeline: Pipeline
    pace: Pace
    """How fast the pipeline is."""
    worker: Worker
    """Where recordings are transcribed."""
    detection_worker: Worker
    """Where languages are detected, beside that."""
    uploads_per_client: UploadsPerClient
    renderings: asyncio.Semaphore
    """Transcripts that are read and written at the same time: each may take some 600 MB."""
    ledger: Ledger
    loaded_engines: Callable[[], tuple[ModelStatus, ...]]
    device: str
    """Where Whisper runs: cuda or cpu."""
    max_audio_seconds: float
    """Length of the longest recording that is taken."""
    timeout_seconds: float
    """Longest work on one request."""


async def services_of(request: Request) -> Services:
    """Return the services of the application that serves `request`.

    A coroutine, though it waits for nothing: FastAPI hands plain functions to a thread, one more wait on a
    busy machine.
    """
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
