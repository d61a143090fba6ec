"""OpenAI's Python SDK against the routes that exist here."""

import openai
import pytest

from tests.service import Service


@pytest.fixture(scope="module")
def sdk(live_service: Service) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{live_service.url}/v1", api_key="any", max_retries=0)


def test_the_models_are_listed(sdk: openai.OpenAI) -> None:
    with sdk:
        models = sdk.models.list().data
    assert models[0].id == "demo"
    assert {model.object for model in models} == {"model"}
    assert all(isinstance(model.created, int) and model.owned_by for model in models)
    assert "large-v3" in [model.id for model in models]
