"""Uploads over a real socket: refused as soon as it is known, bounded, and gone from disk on every path."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.wire import Wire, chunk, form, head, is_closed, read_answer, wait_until, wired

STALL_SECONDS = 0.4


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    directory = tmp_path_factory.mktemp("uploads")
    with wired(FakeEngines(), directory, max_file_size_mb=2, upload_stall_seconds=STALL_SECONDS) as wire:
        yield wire


@pytest.fixture(autouse=True)
def nothing_is_left(wire: Wire) -> Iterator[None]:
    """After each test no upload is open, no file lies in the directory and the service works."""
    yield
    wait_until(lambda: wire.open_uploads() == 0)
    assert [path for path in wire.directory.iterdir() if path.is_file()] == []
    answer = httpx.post(f"{wire.url}/asr", files={"audio_file": tone(0.2)})
    assert answer.status_code == 200


def test_an_announced_size_over_the_limit_is_refused_before_the_body(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(head(900_000_000))
        answer = read_answer(connection)
        assert answer.status == 413
        assert answer.json["code"] == "file_too_large"
        assert "2 MB" in answer.json["detail"]
        assert answer.headers["connection"] == "close"
        assert is_closed(connection)


@pytest.mark.parametrize("length", ["99999999999999999999999999", "000000900000000"])
def test_odd_but_honest_lengths_are_understood(wire: Wire, length: str) -> None:
    with wire.connect() as connection:
        connection.sendall(head(length))
        assert read_answer(connection).status in (400, 413)


def test_a_client_that_asks_first_is_not_told_to_continue(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(head(900_000_000, "Expect: 100-continue"))
        began = time.monotonic()
        assert read_answer(connection).status == 413
        assert is_closed(connection)
        assert time.monotonic() - began < 1


def test_a_body_of_unknown_size_is_refused_while_it_arrives(wire: Wire) -> None:
    """The limit is noticed although the body never ends; what was stored is gone."""
    with wire.connect() as connection:
        connection.sendall(head(None) + chunk(form(b"", end=False)))
        connection.settimeout(0.01)
        sent = 0
        with suppress(ConnectionError, TimeoutError):
            while sent < 20_000_000:
                connection.sendall(chunk(b"\x00" * 65536))
                sent += 65536
        connection.settimeout(5)
        answer = read_answer(connection)
        assert answer.status == 413
        assert wire.open_uploads() == 0
        assert is_closed(connection)


def test_an_ordinary_client_that_sends_too_much_reads_the_refusal(wire: Wire) -> None:
    answer = httpx.post(f"{wire.url}/asr", files={"audio_file": bytes(15_000_000)})
    assert answer.status_code == 413
    assert answer.json()["code"] == "file_too_large"


def test_a_file_of_exactly_the_limit_passes_the_counter(wire: Wire) -> None:
    at_limit = httpx.post(
        f"{wire.url}/asr?encode=false&diarize=false", files={"audio_file": bytes(2_000_000)}
    )
    assert at_limit.status_code == 200
    above = httpx.post(f"{wire.url}/asr?encode=false", files={"audio_file": bytes(2_000_001)})
    assert above.status_code == 413


def test_a_body_that_ends_early_is_a_bad_request(wire: Wire) -> None:
    with wire.connect() as connection:
        body = form(tone(0.2), end=False)
        connection.sendall(head(len(body)) + body)
        answer = read_answer(connection)
        assert answer.status == 400
        assert "ended before" in answer.json["detail"]


def test_an_upload_that_stalls_is_ended(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(head(100_000) + form(b"x" * 5000, end=False))
        began = time.monotonic()
        answer = read_answer(connection)
        assert answer.status == 408
        assert answer.json["code"] == "upload_stalled"
        assert time.monotonic() - began < STALL_SECONDS + 1.5
        assert is_closed(connection)


def test_an_upload_that_drips_is_ended_too(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(head(100_000) + form(b"", end=False))
        connection.settimeout(0.05)
        began = time.monotonic()
        answered = b""
        while not answered and time.monotonic() - began < 10:
            connection.sendall(b"x")
            with suppress(TimeoutError):
                answered = connection.recv(65536)
        assert b" 408 " in answered.splitlines()[0]


def test_a_client_that_vanishes_while_sending_leaves_nothing(wire: Wire) -> None:
    connections = [wire.connect() for _ in range(10)]
    for connection in connections:
        connection.sendall(head(1_000_000) + form(b"x" * 400_000, end=False))
    wait_until(lambda: wire.open_uploads() == 10)
    for connection in connections:
        connection.close()
    wait_until(lambda: wire.open_uploads() == 0, seconds=3)


def test_a_connection_serves_several_uploads(wire: Wire) -> None:
    with wire.connect() as connection:
        for _ in range(3):
            body = form(tone(0.2))
            connection.sendall(head(len(body)) + body)
            answer = read_answer(connection)
            assert answer.status == 200
            assert "connection" not in answer.headers


def stored_bytes(directory: Path) -> int:
    """Return the size of the nameless files of `directory` that this process has open."""
    total = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            if str(descriptor.readlink()).startswith(str(directory)):
                total += descriptor.stat().st_size
    return total


def test_memory_stays_flat_while_a_large_file_arrives(tmp_path: Path) -> None:
    """150 MB pass through in pieces; none of them stays."""
    with wired(FakeEngines(), tmp_path, max_file_size_mb=1000) as wire:
        process = psutil.Process()
        body_head, piece = form(b"", end=False), bytes(1 << 20)
        with wire.connect() as connection:
            connection.sendall(head(400 << 20) + body_head)
            before = process.memory_info().rss
            most = before
            for _ in range(150):
                connection.sendall(piece)
                most = max(most, process.memory_info().rss)
            assert most - before < 20e6
            wait_until(lambda: stored_bytes(tmp_path) > 140 << 20)
