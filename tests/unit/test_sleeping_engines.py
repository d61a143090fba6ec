"""The engines of the tests of a cluster, which make test leaves out, still fit the protocol."""

from pathlib import Path

from tests.cluster.journal import counts
from tests.cluster.load import PCM, QUERY
from tests.cluster.sleeping_engines import SleepingEngines
from tests.in_process import in_process


def test_a_request_is_worked_on_and_noted(tmp_path: Path) -> None:
    engines = SleepingEngines(path=tmp_path / "journal", writer="here")
    with in_process(engines, tmp_path) as client:
        params = {**QUERY, "initial_prompt": "token:0.01"}
        answer = client.post("/asr", params=params, files={"audio_file": PCM})
    assert answer.status_code == 200
    assert answer.json()["text"][0]["text"] == "token"
    assert counts(tmp_path / "journal", "ended") == {"token": 1}
