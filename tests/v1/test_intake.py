"""The suites of /asr for limits, stalls, fairness, leaving, killing and stopping, against OpenAI's route."""

from collections.abc import Iterator

import pytest

from tests.api import test_intake_leaving, test_intake_stopping, test_intake_upload
from tests.v1.forms import TRANSCRIPTIONS
from tests.wire import DOOR

NOT_THE_SAME = {
    "test_fields_before_the_file_are_bounded_and_hold_a_place": "fields may be larger here",
    "test_answers_come_at_once_beside_a_long_job_and_a_full_queue": "asks other routes",
    "test_sigterm_in_any_phase_lets_the_work_come_to_its_end": "json is neither aligned nor diarized",
    "test_a_file_of_the_largest_size_passes_at_the_rate_of_a_phone": "asks no route",
}
"""Tests that say nothing of this route, and why."""


@pytest.fixture(autouse=True, scope="module")
def openai_door() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DOOR, "path", TRANSCRIPTIONS)
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
