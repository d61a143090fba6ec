"""Requests at the same time: bad ones are refused beside a long job, good ones never see each other."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.wire import wait_until


@pytest.mark.parametrize(
    "query", ["task=sing", "language=klingon", "model=gpt-9", "min_speakers=3&max_speakers=2", "output=pdf"]
)
def test_a_bad_option_is_refused_beside_a_long_job(tmp_path: Path, query: str) -> None:
    """Within how many milliseconds is measured by `make bench ARGS=refusals`."""
    engines, upload = FakeEngines(), tone(10)
    engines.gate.clear()
    with in_process(engines, tmp_path) as client, ThreadPoolExecutor(1) as pool:
        job = pool.submit(client.post, "/asr", files={"audio_file": ("a.wav", tone())})
        try:
            assert engines.entered.wait(10)
            answer = client.post(f"/asr?{query}", files={"audio_file": ("a.wav", upload)})
            assert answer.status_code == 400
            assert not job.done()
        finally:
            engines.gate.set()
        assert job.result().status_code == 200
    assert len(engines.requests) == 1


def test_prompts_and_hotwords_never_reach_another_request(tmp_path: Path) -> None:
    """Fault 12: prompt and hotwords live on an object that requests share."""
    engines = FakeEngines()

    def ask(number: int) -> tuple[str, str]:
        form = {"initial_prompt": f"prompt{number}", "hotwords": f"name{number}"} if number % 3 else {}
        answer = client.post("/asr", data=form, files={"audio_file": ("a.wav", tone(0.2))})
        return " ".join(form.values()) or "hello there", " ".join(
            each["text"] for each in answer.json()["segments"]
        )

    with in_process(engines, tmp_path, gpu_concurrency=4) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(48)))
    assert [said for _, said in answers] == [expected for expected, _ in answers]


def test_every_slot_is_used_and_the_wait_is_told(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with in_process(engines, tmp_path) as client, ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(client.post, "/asr", files={"audio_file": ("a.wav", tone())}) for _ in range(2)]
        wait_until(lambda: client.get("/health").json()["queue"]["waiting"] == 1)
        time.sleep(0.25)
        engines.gate.set()
        waits = [float(job.result().headers["server-timing"].split(";dur=")[1].split(",")[0]) for job in jobs]
    assert min(waits) < 200 <= max(waits)
