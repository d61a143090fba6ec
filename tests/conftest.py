"""Fixtures that several kinds of test share."""

import gc
import io
import os
import re
import ssl
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
import soundfile
from xdist.scheduler import LoadScopeScheduling

from tests.service import ROOT, Service, running_service

DEMO = ROOT / "app" / "demo"
OPENING_SECONDS = 23.4
"""The first six turns of the meeting, in which all three people speak."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stock engines")
    group.addoption("--recompute", action="store_true", help="compute what the stock engines answer anew")
    group.addoption("--keep", action="store_true", help="compute it anew and write it to tests/data/stock")


def pytest_configure() -> None:
    """Let httpx look for certificates when it needs one: it reads 150 for each client, even of plain HTTP."""
    os.environ.setdefault("SSL_CERT_DIR", ssl.get_default_verify_paths().openssl_capath)


def pytest_collection_finish() -> None:
    """Let the garbage collector look never again at what has been imported: a round takes a second by now."""
    gc.collect()
    gc.freeze()


LIVE, FORKS = "live service", "forks"
FOLDERS = ("tests/engines/", "tests/browser/", "tests/audio/")
"""Whose tests share engines that were loaded, programs that were started, recordings that were encoded."""
LONGEST_FIRST = (LIVE, *FOLDERS[:2], FORKS, FOLDERS[2], "tests/api/test_schemathesis.py")
"""What is handed out before all else, so that no worker has much left when the others run dry."""


class ByWhatIsShared(LoadScopeScheduling):
    """What shares something that takes seconds to begin is done by one worker, and no file is divided."""

    def _split_scope(self, nodeid: str) -> str:
        return _shared_by(nodeid.partition("::")[0])

    def _assign_work_unit(self, node: Any) -> None:
        for group in reversed(LONGEST_FIRST):
            if group in self.workqueue:
                self.workqueue.move_to_end(group, last=False)
        super()._assign_work_unit(node)


@cache
def _shared_by(path: str) -> str:
    """Return what the tests of a file share with those of others, or the file itself."""
    for folder in FOLDERS:
        if path.startswith(folder):
            return folder
    text = (ROOT / path).read_text("utf-8")
    if re.search(r"\b(live_service|meeting_answer|sdk)\b", text):
        return LIVE
    return FORKS if re.search(r"\b(forked_service|start_forked|test_intake_stopping)\b", text) else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByWhatIsShared(config, log)


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
