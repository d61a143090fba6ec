"""What routes may ask for: put on the application by the lifespan, read here and nowhere else."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.audio import Decoder
from app.catalogue import Catalogue
from app.pipeline import Pipeline
from app.worker import Worker


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a route needs to do its work."""

    catalogue: Catalogue
    decoder: Decoder
    pipeline: Pipeline
    worker: Worker


def services_of(request: Request) -> Services:
    """Return the services of the application that serves `request`."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services


ServicesDep = Annotated[Services, Depends(services_of)]
