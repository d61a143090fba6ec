"""Every request of the corpus gets its status and its wording, and the service is as good as before."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.corpus.bad_inputs import everything
from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.wire import Wire, wired


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    directory = tmp_path_factory.mktemp("uploads")
    settings = {"max_file_size_mb": 1, "max_duration_minutes": 0.4, "model_keep_alive_seconds": 0}
    with wired(FakeEngines(), directory, **settings) as wire:
        yield wire


def test_every_bad_input_gets_the_answer_it_deserves(wire: Wire, tmp_path: Path) -> None:
    corpus = everything(tmp_path)
    assert len({bad.name for bad in corpus}) == len(corpus) >= 80
    wrong = []
    with httpx.Client(base_url=wire.url, timeout=30) as client:
        for bad in corpus:
            answer = client.request(bad.method, bad.path, content=bad.body, headers=bad.headers)
            body = answer.json()
            said = f"{bad.name}: {answer.status_code} {body.get('code')}: {body.get('detail')}"
            if answer.status_code != bad.status or bad.wording not in body["detail"] or not body["code"]:
                wrong.append(f"{said} (expected {bad.status}, {bad.wording!r})")
            assert set(body) == {"detail", "code", "request_id"}, said
            assert len(body["detail"]) < 600, said
            for telltale in ("Traceback", "/proc/", str(tmp_path), "0x", "ffmpeg"):
                assert telltale not in body["detail"], said
    assert not wrong, "\n" + "\n".join(wrong)
    assert wire.open_uploads() == 0
    assert wire.queue() == (0, 0)
    good = httpx.post(f"{wire.url}/asr", files={"audio_file": tone(0.5)})
    assert good.status_code == 200
    assert good.json()["segments"]
