"""GET /v1/models: what the option model may name, in the shape of OpenAI's list."""

from fastapi import APIRouter

from app.api.dependencies import ServicesDep
from app.api.openapi import error_answers
from app.api.schemas import ModelAnswer, ModelList
from app.models.model_spec import ModelSpec

CREATED = 1767225600
"""1 January 2026: OpenAI's shape wants a time for each model, and nobody can use it."""

router = APIRouter(tags=["service"])


@router.get("/v1/models", summary="List the models", responses=error_answers(401, 500))
async def list_models(services: ServicesDep) -> ModelList:
    """Return every model that a request may name, the server's default first."""
    catalogue = services.catalogue
    names = sorted(catalogue.names, key=lambda name: name != catalogue.default_name)
    return {"object": "list", "data": [_described(name, catalogue.resolve(name)) for name in names]}


def _described(name: str, model: ModelSpec) -> ModelAnswer:
    owner = "local" if model.is_local else model.source.partition("/")[0]
    return {"id": name, "object": "model", "created": CREATED, "owned_by": owner}
