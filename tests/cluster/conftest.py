"""Every test of this directory needs a cluster, a box of processes at least: make cluster-test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.box import Box, box

HERE = Path(__file__).parent


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
