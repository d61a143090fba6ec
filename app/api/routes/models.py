"""GET /v1/models: what the option model may name, in the shape of OpenAI's list."""

from typing import Any

from fastapi import APIRouter

from app.api.dependencies import ServicesDep
from app.api.openai.description import openai_errors
from app.api.schemas import ModelAnswer, ModelList
from app.models.model_spec import ModelSpec

CREATED = 1767225600
"""1 January 2026: OpenAI's shape wants a time for each model, and nobody can use it."""

ERRORS: dict[int | str, dict[str, Any]] = {
    status: answer for status, answer in openai_errors().items() if status in (401, 404, 500)
}

router = APIRouter(tags=["service"])


@router.get("/v1/models", summary="List the models", responses=ERRORS)
async def list_models(services: ServicesDep) -> ModelList:
    """Return every name that a request may give: the server's default first, OpenAI's names for it last."""
    catalogue = services.catalogue
    names = sorted(catalogue.names, key=lambda name: name != catalogue.default_name)
    answers = [_described(name, catalogue.resolve(name)) for name in (*names, *catalogue.openai_names)]
    return {"object": "list", "data": answers}


@router.get("/v1/models/{name:path}", summary="Describe a model", responses=ERRORS)
async def describe_model(name: str, services: ServicesDep) -> ModelAnswer:
    """Return one model by any of its names, which may hold a slash."""
    return _described(name, services.catalogue.resolve(name))


def _described(name: str, model: ModelSpec) -> ModelAnswer:
    owner = "local" if model.is_local else model.source.partition("/")[0]
    return {"id": name, "object": "model", "created": CREATED, "owned_by": owner}
