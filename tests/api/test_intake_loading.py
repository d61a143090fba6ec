"""Requests whose model is still being loaded: they may leave, and they end in time."""

import socket
import time
from pathlib import Path

import httpx
import pytest

from tests.fake_engines import LoadedFakes
from tests.in_process import tone
from tests.wire import Wire, form, head, read_answer, wait_until, wired


def send(wire: Wire, path: str = "/asr") -> socket.socket:
    connection = wire.connect()
    body = form(tone(0.2))
    connection.sendall(head(len(body), path=path) + body)
    return connection


@pytest.mark.parametrize("path", ["/asr", "/detect-language"])
def test_a_client_that_leaves_while_its_model_is_loaded_frees_the_slot(tmp_path: Path, path: str) -> None:
    """The load goes on: the next one finds the model, and it was loaded once."""
    engines = LoadedFakes()
    with wired(engines, tmp_path) as wire:
        with send(wire, path):
            wait_until(lambda: engines.loads == ["demo"])
            assert wire.queue() == (1, 0)
        assert wait_until(lambda: wire.queue() == (0, 0)) < 2
        assert wire.open_uploads() == 0
        assert engines.pool.loading
        engines.arrived.set()
        assert httpx.post(f"{wire.url}{path}", files={"audio_file": tone(0.2)}).status_code == 200
        assert engines.loads == ["demo"]


def test_a_load_that_outlasts_the_watchdog_is_not_taken_for_a_hang(tmp_path: Path) -> None:
    engines = LoadedFakes()
    with wired(engines, tmp_path, watchdog_seconds=0.8) as wire, send(wire) as connection:
        wait_until(lambda: engines.loads == ["demo"])
        seen = []
        until = time.monotonic() + 1.8
        while time.monotonic() < until:
            seen.append(wire.health()["status"])
            time.sleep(0.1)
        assert set(seen) == {"healthy"}
        engines.arrived.set()
        assert read_answer(connection).status == 200


def test_a_request_that_waits_too_long_for_its_model_is_answered_504_and_frees_the_slot(
    tmp_path: Path,
) -> None:
    engines = LoadedFakes()
    with wired(engines, tmp_path, request_timeout=0.7) as wire, send(wire) as connection:
        assert read_answer(connection).status == 504
        assert wait_until(lambda: wire.queue() == (0, 0)) < 2
        assert engines.pool.loading
        engines.arrived.set()
