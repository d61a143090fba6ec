"""The suites of /asr for limits, stalls, fairness, leaving, killing and stopping, against OpenAI's route."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.api.openai.routes import FIELD_LIMITS
from tests.api import test_intake_leaving, test_intake_stopping, test_intake_upload
from tests.v1.forms import TRANSCRIPTIONS
from tests.wire import DOOR, wait_until

NOT_THE_SAME = {
    "test_answers_come_beside_a_long_job_and_a_full_queue": "asks other routes",
    "test_work_that_never_ends_can_neither_keep_nor_abort_the_process": "is of the process, not of a route",
    "test_sigterm_ends_an_idle_service_with_status_0": "is of the process, not of a route",
    "test_a_directory_that_cannot_be_written_stops_the_start": "is of the process, not of a route",
    "test_a_balancer_has_time_to_notice_before_work_is_refused": "posts to /asr itself",
    "test_a_file_of_the_largest_size_passes_at_the_rate_of_a_phone": "asks no route",
}
"""Tests that say nothing of this route, and why."""


@pytest.fixture(autouse=True, scope="module")
def openai_door() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DOOR, "path", TRANSCRIPTIONS)
        patch.setattr(DOOR, "field_bytes", FIELD_LIMITS.field_bytes)
        patch.setattr(DOOR, "everything", f"{TRANSCRIPTIONS}?response_format=diarized_json")
        yield


def _adopt() -> None:
    """Make the tests and fixtures of the suites those of this module."""
    for suite in (test_intake_upload, test_intake_leaving, test_intake_stopping):
        for name, thing in vars(suite).items():
            is_test = name.startswith("test_") and callable(thing) and name not in NOT_THE_SAME
            if is_test or name in ("wire", "slow_lane", "nothing_is_left"):
                globals()[name] = thing


_adopt()


def test_what_is_left_out_exists() -> None:
    suites = (test_intake_upload, test_intake_leaving, test_intake_stopping)
    assert all(any(hasattr(suite, name) for suite in suites) for name in NOT_THE_SAME)


@pytest.mark.parametrize(("grace_seconds", "end"), [("20", b"data: [DONE]"), ("0.5", b"event: error")])
def test_sigterm_lets_a_stream_come_to_its_end_or_says_that_it_breaks_off(
    tmp_path: Path, grace_seconds: str, end: bytes
) -> None:
    with test_intake_stopping.service(tmp_path, shutdown_grace_seconds=grace_seconds) as running:
        with running.send(f"{TRANSCRIPTIONS}?stream=true") as connection:
            wait_until(lambda: running.gate.with_suffix(".entered").exists())
            running.terminate()
            if end == b"data: [DONE]":
                running.gate.touch()
            received = b""
            while piece := connection.recv(65536):
                received += piece
        assert running.process.wait(15) == 0
    assert [line for line in (b"data: [DONE]", b"event: error") if line in received] == [end]
