"""Fixtures that several kinds of test share."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile

from tests.service import ROOT, Service, running_service

DEMO = ROOT / "app" / "demo"
OPENING_SECONDS = 23.4
"""The first six turns of the meeting, in which all three people speak."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stock engines")
    group.addoption("--recompute", action="store_true", help="compute what the stock engines answer anew")
    group.addoption("--keep", action="store_true", help="compute it anew and write it to tests/data/stock")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of several workers one loads the engines, one starts the live service, and no file is divided."""
    for item in items:
        if isinstance(item, pytest.Function):
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def _group(item: pytest.Function) -> str:
    if "live_service" in item.fixturenames:
        return "live service"
    path = item.path.relative_to(ROOT / "tests")
    return "engines" if path.parts[0] == "engines" else str(path)


@pytest.fixture(scope="session")
def live_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One real process on the demo bundle, shared by every test that only sends it requests."""
    with running_service(tmp_path_factory.mktemp("live")) as service:
        yield service


@pytest.fixture(scope="session")
def meeting() -> Path:
    """The sample meeting; its truth lies beside it as meeting.json."""
    return DEMO / "meeting.flac"


@pytest.fixture(scope="session")
def opening(meeting: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its first OPENING_SECONDS as a FLAC file: enough for whatever needs three voices."""
    path = tmp_path_factory.mktemp("opening") / "opening.flac"
    path.write_bytes(first_seconds(meeting, OPENING_SECONDS))
    return path


def first_seconds(recording: Path, seconds: float) -> bytes:
    """Return the beginning of a recording as a FLAC file."""
    samples, rate = soundfile.read(recording, dtype="int16")
    buffer = io.BytesIO()
    soundfile.write(buffer, samples[: int(seconds * rate)], rate, format="FLAC")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def meeting_answer(live_service: Service, meeting: Path) -> dict[str, Any]:
    """What POST /asr answers to the whole sample meeting, with no option set."""
    with meeting.open("rb") as file:
        response = httpx.post(f"{live_service.url}/asr", files={"audio_file": file}, timeout=300)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body
