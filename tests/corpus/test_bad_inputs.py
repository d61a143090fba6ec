"""Every request of the corpus gets its status and its wording, and the service is as good as before."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.options.asr_options import AsrOptions
from tests.corpus.bad_inputs import LIMITS, everything, wrong_answers
from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.wire import Wire, wired


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    directory = tmp_path_factory.mktemp("uploads")
    with wired(FakeEngines(), directory, **LIMITS) as wire:
        yield wire


def test_every_option_has_a_bad_value(tmp_path: Path) -> None:
    queries = " ".join(bad.path for bad in everything(tmp_path))
    assert [name for name in AsrOptions.model_fields if not re.search(rf"[?&]{name}=", queries)] == []


def test_every_bad_input_gets_the_answer_it_deserves(wire: Wire, tmp_path: Path) -> None:
    corpus = everything(tmp_path)
    assert len({bad.name for bad in corpus}) == len(corpus) >= 80
    wrong = wrong_answers(wire.url, corpus)
    assert not wrong, "\n" + "\n".join(wrong)
    assert wire.open_uploads() == 0
    assert wire.queue() == (0, 0)
    good = httpx.post(f"{wire.url}/asr", files={"audio_file": tone(0.5)})
    assert good.status_code == 200
    assert good.json()["segments"]
