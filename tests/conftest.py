"""Fixtures that several kinds of test share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import ROOT, Service, running_service

DEMO = ROOT / "app" / "demo"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("stock engines")
    group.addoption("--recompute", action="store_true", help="compute what the stock engines answer anew")
    group.addoption("--keep", action="store_true", help="compute it anew and write it to tests/data/stock")


@pytest.fixture(scope="session")
def live_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One real process on the demo bundle, shared by every test that only sends it requests."""
    with running_service(tmp_path_factory.mktemp("live")) as service:
        yield service


@pytest.fixture(scope="session")
def meeting() -> Path:
    """The sample meeting; its truth lies beside it as meeting.json."""
    return DEMO / "meeting.flac"
