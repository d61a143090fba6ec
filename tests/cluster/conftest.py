"""Every test of this directory needs a cluster, a box of processes at least: make cluster-test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.box import Box, box
from tests.cluster.cells import SleepingCell, sleeping_cell, wait_for_replicas

HERE = Path(__file__).parent
pytest.register_assert_rewrite("tests.cluster.same")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them all, so that none is forgotten and runs with make test."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("cluster")


@pytest.fixture(scope="module")
def two_cards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A box with two cards, for tests that leave it as they found it."""
    with box(tmp_path_factory.mktemp("box"), cards=2) as running:
        yield running


@pytest.fixture(scope="session")
def cell_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SleepingCell]:
    with sleeping_cell(tmp_path_factory.mktemp("cell")) as running:
        yield running


@pytest.fixture
def two_replicas(cell_of_the_session: SleepingCell) -> SleepingCell:
    """The cell that all tests share, with two replicas; what a test broke, Ray mends before the next."""
    cell_of_the_session.deploy(2)
    cell_of_the_session.cell.wait(2, 120)
    wait_for_replicas(cell_of_the_session, 2)
    return cell_of_the_session
