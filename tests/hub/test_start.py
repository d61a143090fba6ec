"""The service's start and life with hubs and volumes that refuse, come late, or are not there any more."""

import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import DEMO, first_seconds
from tests.hub.impatient_service import main as impatient_main
from tests.hub.local_hub import Repository, local_hub
from tests.service import Service, forked_service, free_port, running_service

HELLO = first_seconds(DEMO / "meeting.flac", 2.2)
WHISPER = "Systran/faster-whisper-tiny"
DIARIZER = "pyannote/speaker-diarization-community-1"


def settings(endpoint: str, **more: str) -> dict[str, str]:
    ours = {
        "HF_ENDPOINT": endpoint,
        "HF_HUB_OFFLINE": "0",
        "PRELOAD_MODEL": "tiny",
        "PRELOAD_LANGUAGE": "none",
    }
    return {**ours, **more}


impatient_service = partial(running_service, forked=impatient_main)
"""One that tries again soon, lest tests wait for half a minute."""


def wait_for(
    service: Service, true_of: Callable[[dict[str, Any]], bool], seconds: float = 150
) -> httpx.Response:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            answer = service.health()
            if true_of(answer.json()):
                return answer
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not in {seconds} s; the log:\n{service.log}")


def test_a_hub_that_comes_late_is_waited_for_and_a_second_start_needs_none(tmp_path: Path) -> None:
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with impatient_service(tmp_path, settings(endpoint, PRELOAD_DIARIZATION="false"), wait_for="") as service:
        answer = wait_for(service, lambda body: body["status"] == "unhealthy")
        assert answer.status_code == 503
        assert "cannot be reached" in answer.json()["reasons"][0]
        started = time.monotonic()
        refused = httpx.post(f"{service.url}/asr", files={"audio_file": HELLO}, timeout=30)
        assert time.monotonic() - started < 5
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        assert "cannot be reached" in refused.json()["detail"]
        with local_hub(port) as hub:
            hub.repositories = {WHISPER: Repository(DEMO / "whisper")}
            assert wait_for(service, lambda body: body["status"] == "healthy").status_code == 200
        assert "Traceback" not in service.log
    started = time.monotonic()
    with forked_service(tmp_path, settings(endpoint, PRELOAD_DIARIZATION="false")) as service:
        print(f"second start without a hub: healthy after {time.monotonic() - started:.1f} s")


def test_a_gated_pipeline_leaves_the_rest_working_and_says_what_to_do(tmp_path: Path) -> None:
    with local_hub() as hub:
        hub.repositories = {
            WHISPER: Repository(DEMO / "whisper"),
            DIARIZER: Repository(DEMO / "diarization", gated=True),
        }
        with forked_service(tmp_path, settings(hub.endpoint), wait_for="degraded") as service:
            answer = service.health()
            assert answer.status_code == 200
            (reason,) = answer.json()["reasons"]
            assert reason.startswith("speakers unavailable")
            assert "HF_TOKEN" in reason
            assert reason in service.log
            assert answer.json()["diarization"]["available"] is False
            asked = {"language": "fr", "diarize": "true"}
            words = httpx.post(f"{service.url}/asr", files={"audio_file": HELLO}, data=asked, timeout=240)
            assert words.status_code == 200
            assert any("HF_TOKEN" in warning for warning in words.json()["warnings"])


def test_an_unreachable_hub_is_named_within_five_seconds(tmp_path: Path) -> None:
    """The hub is asked, and its silence is told."""
    with forked_service(tmp_path, settings("http://127.0.0.1:9", PRELOAD_MODEL="demo")) as service:
        started = time.monotonic()
        response = httpx.post(f"{service.url}/asr?model=tiny", files={"audio_file": HELLO}, timeout=60)
        assert time.monotonic() - started < 5
        assert response.status_code == 503
        assert "tiny" in response.json()["detail"]
        assert "Traceback" not in service.log


def test_a_default_model_that_cannot_be_loaded_is_unhealthy_from_the_first_minute(tmp_path: Path) -> None:
    more = {"PRELOAD_DIARIZATION": "false", "EXTRA_MODELS": "tiny=/no/where"}
    with forked_service(tmp_path, settings("http://127.0.0.1:9", **more), wait_for="unhealthy") as service:
        assert "directory" in service.health().json()["reasons"][0]
        assert service.stop() == 0


def test_without_preloading_health_says_what_stands_behind_the_default_model(tmp_path: Path) -> None:
    """Nothing is loaded: neither "healthy" nor speakers that are "available" may be claimed of nothing."""
    port = free_port()
    nothing = settings(f"http://127.0.0.1:{port}", PRELOAD_MODEL="none")
    with impatient_service(tmp_path, nothing, wait_for="unhealthy") as service:
        body = service.health().json()
        assert "cannot be reached" in body["reasons"][0]
        assert body["diarization"]["available"] is False
        assert "cannot be reached" in body["diarization"]["reason"]
        with local_hub(port):
            (reason,) = wait_for(service, lambda body: body["status"] == "healthy").json()["reasons"]
            assert "large-v3 is downloaded when it is first needed" in reason


def ask(service: Service, model: str) -> httpx.Response:
    asked = {"model": model, "diarize": "false"}
    return httpx.post(f"{service.url}/asr", files={"audio_file": HELLO}, data=asked, timeout=240)


def test_a_broken_model_that_a_client_keeps_asking_for_leaves_the_default_one_in_use(tmp_path: Path) -> None:
    mine = shutil.copytree(DEMO / "whisper", tmp_path / "mine")
    (mine / "model.bin").write_bytes(b"no model")
    with forked_service(tmp_path, {"EXTRA_MODELS": f"mine={mine}"}) as service:
        for _ in range(5):
            assert ask(service, "mine").status_code == 503
        answer = service.health()
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        (reason,) = answer.json()["reasons"]
        assert reason.startswith("model mine is not available")
        assert str(tmp_path) not in reason
        assert ask(service, "demo").status_code == 200


def test_a_default_model_that_breaks_after_the_start_is_told_and_heals_without_a_restart(
    tmp_path: Path,
) -> None:
    mine = shutil.copytree(DEMO / "whisper", tmp_path / "mine")
    more = {"EXTRA_MODELS": f"mine={mine}", "PRELOAD_MODEL": "mine", "MODEL_KEEP_ALIVE_SECONDS": "1"}
    ours = {"PRELOAD_LANGUAGE": "none", "PRELOAD_DIARIZATION": "false", **more}
    with impatient_service(tmp_path, ours) as service:
        wait_for(service, lambda body: body["loaded_models"] == [])
        whole = (mine / "model.bin").read_bytes()
        (mine / "model.bin").write_bytes(whole[:1000])
        assert ask(service, "mine").status_code == 503
        assert service.health().status_code == 503
        assert "mine" in service.health().json()["reasons"][0]
        (mine / "model.bin").write_bytes(whole)
        assert wait_for(service, lambda body: body["status"] == "healthy", 60).status_code == 200
        assert ask(service, "mine").status_code == 200


def test_a_volume_that_is_lost_while_nothing_is_loaded_is_told_before_anybody_asks(tmp_path: Path) -> None:
    mine = shutil.copytree(DEMO / "whisper", tmp_path / "mine")
    more = {"EXTRA_MODELS": f"mine={mine}", "PRELOAD_MODEL": "mine", "MODEL_KEEP_ALIVE_SECONDS": "1"}
    ours = {"PRELOAD_LANGUAGE": "none", "PRELOAD_DIARIZATION": "false", **more}
    with impatient_service(tmp_path, ours) as service:
        away = mine.rename(tmp_path / "elsewhere")
        assert wait_for(service, lambda body: body["status"] == "unhealthy", 60).status_code == 503
        away.rename(mine)
        assert wait_for(service, lambda body: body["status"] == "healthy", 60).status_code == 200


def test_an_unknown_default_model_ends_the_start(tmp_path: Path) -> None:
    with running_service(tmp_path, {"PRELOAD_MODEL": "no-such-model"}, wait_for="") as service:
        assert service.process.wait(60) == 2
        assert "PRELOAD_MODEL" in service.log
        assert "Traceback" not in service.log


def test_settings_that_make_no_sense_end_the_start_with_one_sentence(tmp_path: Path) -> None:
    with running_service(tmp_path, {"COMPUTE_TYPE": "float16"}, wait_for="") as service:
        assert service.process.wait(60) != 0
        assert "COMPUTE_TYPE=float16" in service.log
        assert "Traceback" not in service.log
