"""Engines that nobody asks for go, and with them the memory that they took."""

import platform
import time

import pytest

from app.engines.lending.pool import Pool
from app.engines.platform.memory import release_memory
from app.models.loaded_model import LoadedEngine, ModelKey
from app.stage import Stage
from tests.memory import resident_megabytes

KEY = ModelKey(Stage.TRANSCRIBE, "weights", "weights", "cpu")


def lend(pool: Pool, weights: list[bytearray]) -> None:
    with pool.lease(KEY, lambda _: LoadedEngine(weights, weights.clear, 0), lambda: None) as lent:
        assert lent


def wait_until_empty(pool: Pool) -> None:
    end = time.monotonic() + 20
    while pool.loaded():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to give memory back")
def test_the_memory_of_an_idle_engine_is_given_back() -> None:
    pool = Pool(keep_alive_seconds=0.5, release_memory=release_memory)
    weights = [bytearray(b"x") * 30_000 for _ in range(8_000)]
    kept = weights[::20]
    lend(pool, weights)
    full = resident_megabytes()
    pool.start()
    try:
        wait_until_empty(pool)
        end = time.monotonic() + 5
        while resident_megabytes() > full - 150 and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        pool.stop()
    assert len(kept) == 400
    assert resident_megabytes() < full - 150


def test_engines_that_are_kept_for_ever_stay() -> None:
    pool = Pool(keep_alive_seconds=0)
    lend(pool, [bytearray(1)])
    pool.start()
    time.sleep(0.7)
    assert [entry.key for entry in pool.loaded()] == [KEY]
