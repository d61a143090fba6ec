"""GET /v1/models, as Speakr and OpenAI's clients read it."""

from pathlib import Path

import pytest

from app.models.catalogue import Catalogue
from app.models.known_models import OPENAI_NAMES
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.v1.forms import error_of


def test_the_list_has_the_shape_of_openai(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.get("/v1/models")
    assert answer.status_code == 200
    assert answer.json()["object"] == "list"
    for model in answer.json()["data"]:
        assert set(model) == {"id", "object", "created", "owned_by"}
        assert model["object"] == "model"
        assert isinstance(model["created"], int)
        assert model["owned_by"]


def test_the_default_comes_first_and_every_model_is_named_once(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, preload_model="medium") as client:
        names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert names[0] == "medium"
    assert sorted(names) == sorted((*Catalogue().names, *OPENAI_NAMES))


def test_the_operators_models_are_listed_without_their_address(tmp_path: Path) -> None:
    extra = "ours=/srv/secret/whisper,theirs=someone/whisper-fine-tuned"
    with in_process(FakeEngines(), tmp_path, extra_models=extra) as client:
        answer = client.get("/v1/models")
    owners = {model["id"]: model["owned_by"] for model in answer.json()["data"]}
    assert owners["ours"] == "local"
    assert owners["theirs"] == "someone"
    assert "/srv" not in answer.text


def test_a_model_is_described_by_each_of_its_names(tmp_path: Path) -> None:
    extra = "theirs=someone/whisper-fine-tuned"
    with in_process(FakeEngines(), tmp_path, extra_models=extra) as client:
        for listed in client.get("/v1/models").json()["data"]:
            assert client.get(f"/v1/models/{listed['id']}").json() == listed
        for written in ("someone/whisper-fine-tuned", "someone%2Fwhisper-fine-tuned"):
            found = client.get(f"/v1/models/{written}").json()
            assert (found["id"], found["owned_by"]) == ("someone/whisper-fine-tuned", "someone")
        error = error_of(client.get("/v1/models/nowhere/model"), 404)
    assert (error["code"], error["param"]) == ("model_not_found", "model")
    assert "nowhere/model" in error["message"]


def test_an_operators_own_whisper_1_is_no_second_name_of_the_default(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, extra_models="whisper-1=someone/whisper") as client:
        names = [model["id"] for model in client.get("/v1/models").json()["data"]]
        described = client.get("/v1/models/whisper-1").json()
    assert names.count("whisper-1") == 1
    assert described["owned_by"] == "someone"


@pytest.mark.parametrize("name", [*Catalogue().names, *OPENAI_NAMES])
def test_every_listed_name_is_accepted(name: str) -> None:
    """Fault 23: names are advertised that transcriptions reject."""
    assert Catalogue().resolve(name).name


def test_a_default_that_is_not_preloaded_comes_first(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, default_model="Whisper-Small") as client:
        assert client.get("/v1/models").json()["data"][0]["id"] == "small"
        answer = client.post("/asr", files={"audio_file": ("a.wav", tone())})
    assert answer.json()["model"] == "small"
