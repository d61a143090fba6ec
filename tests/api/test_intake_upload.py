"""Uploads over a real socket: refused as soon as it is known, bounded, and gone from disk on every path."""

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx
import psutil
import pytest

from app.api.middleware.lingering_close import LingeringClose
from app.settings.schema import Settings
from app.work.upload_store import StoredUpload
from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.wire import (
    BOUNDARY,
    DOOR,
    Answer,
    Wire,
    chunk,
    form,
    head,
    is_closed,
    read_answer,
    told,
    wait_until,
    wired,
)

STALL_SECONDS = 0.4


@contextmanager
def hasty(directory: Path, **settings: object) -> Iterator[Wire]:
    """Yield a service that does not wait for two seconds before it closes on a silent client.

    That it waits long enough for a slow one is tested in test_intake_leaving.py.
    """
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.main.LingeringClose", partial(LingeringClose, idle_seconds=0.2))
            wire = stack.enter_context(wired(FakeEngines(), directory, **settings))
        yield wire


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    directory = tmp_path_factory.mktemp("uploads")
    with hasty(directory, max_file_size_mb=2, upload_stall_seconds=STALL_SECONDS) as wire:
        yield wire


@pytest.fixture(autouse=True)
def nothing_is_left(wire: Wire) -> Iterator[None]:
    """After each test no upload is open, no file lies in the directory and the service works."""
    yield
    wait_until(lambda: wire.open_uploads() == 0)
    assert [path for path in wire.directory.iterdir() if path.is_file()] == []
    answer = httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)})
    assert answer.status_code == 200


def test_an_announced_size_over_the_limit_is_refused_before_the_body(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(head(900_000_000))
        answer = read_answer(connection)
        assert answer.status == 413
        assert told(answer)["code"] == "file_too_large"
        assert "2 MB" in told(answer)["detail"]
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
    answer = httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": bytes(15_000_000)})
    assert answer.status_code == 413
    assert told(answer)["code"] == "file_too_large"


def test_a_file_of_exactly_the_limit_passes_the_counter(wire: Wire) -> None:
    at_limit = httpx.post(
        f"{wire.url}{DOOR.path}?encode=false&diarize=false", files={"audio_file": bytes(2_000_000)}
    )
    assert at_limit.status_code == 200
    above = httpx.post(f"{wire.url}{DOOR.path}?encode=false", files={"audio_file": bytes(2_000_001)})
    assert above.status_code == 413


def test_a_body_that_ends_early_is_a_bad_request(wire: Wire) -> None:
    with wire.connect() as connection:
        body = form(tone(0.2), end=False)
        connection.sendall(head(len(body)) + body)
        answer = read_answer(connection)
        assert answer.status == 400
        assert "ended before" in told(answer)["detail"]


def test_an_upload_that_stalls_is_ended(wire: Wire) -> None:
    with wire.connect() as connection:
        connection.sendall(head(100_000) + form(b"x" * 5000, end=False))
        began = time.monotonic()
        answer = read_answer(connection)
        assert answer.status == 408
        assert told(answer)["code"] == "upload_stalled"
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


@pytest.fixture(scope="module")
def slow_lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """At least 20 kB/s once 0.3 s are over, and 1 s for the whole upload."""
    limits = {"upload_stall_seconds": 0.3, "upload_min_bytes_per_second": 20_000, "upload_timeout_seconds": 1}
    with hasty(tmp_path_factory.mktemp("slow"), **limits) as wire:
        yield wire


def send_steadily(connection: socket.socket, size: int, pause_seconds: float) -> Answer:
    """Send an upload that never ends, `size` bytes at a time, until there is an answer."""
    connection.sendall(head(50_000_000) + form(b"", end=False))
    until = time.monotonic() + 10
    while time.monotonic() < until and not select.select([connection], [], [], pause_seconds)[0]:
        connection.sendall(bytes(size))
    return read_answer(connection)


@pytest.mark.parametrize(
    ("size", "pause_seconds", "limit"),
    [
        (100, 0.01, "20000 bytes per second (UPLOAD_MIN_BYTES_PER_SECOND)"),
        (1, 0.05, "20000 bytes per second (UPLOAD_MIN_BYTES_PER_SECOND)"),
        (10_000, 0.05, "1 seconds (UPLOAD_TIMEOUT_SECONDS)"),
    ],
)
def test_a_slow_upload_is_ended_with_the_limit_it_fell_under(
    slow_lane: Wire, size: int, pause_seconds: float, limit: str
) -> None:
    with slow_lane.connect() as connection:
        answer = send_steadily(connection, size, pause_seconds)
        assert (answer.status, told(answer)["code"]) == (408, "upload_too_slow")
        assert limit in told(answer)["detail"]
        assert is_closed(connection)
    wait_until(lambda: slow_lane.open_uploads() == 0)


def test_an_upload_may_pause_for_less_than_the_stall_time(slow_lane: Wire) -> None:
    body = form(tone(0.5))
    with slow_lane.connect() as connection:
        connection.sendall(head(len(body)) + body[:15_000])
        time.sleep(0.25)
        connection.sendall(body[15_000:])
        assert read_answer(connection).status == 200


def test_a_file_of_the_largest_size_passes_at_the_rate_of_a_phone() -> None:
    """1 GB at 100 kB/s, without waiting for it: what the defaults demand is less."""
    settings = Settings(_env_file=None)
    size = settings.max_file_size_mb * 1_000_000
    assert settings.upload_min_bytes_per_second <= 100_000
    assert settings.upload_timeout_seconds > size / 100_000


@pytest.mark.parametrize("path", [None, "/detect-language"])
def test_of_fifty_callers_for_one_place_one_is_let_in_and_the_others_know_before_they_send(
    tmp_path: Path, path: str | None
) -> None:
    body = form(tone(0.2))
    with wired(FakeEngines(), tmp_path, max_queue_size=0) as wire, ExitStack() as stack:
        callers = [stack.enter_context(wire.connect()) for _ in range(50)]
        for caller in callers:
            caller.sendall(head(len(body), "Expect: 100-continue", path=path))
        firsts = [caller.recv(65536).split(b"\r\n")[0] for caller in callers]
        assert firsts.count(b"HTTP/1.1 503 Service Unavailable") == 49
        admitted = callers[firsts.index(b"HTTP/1.1 100 Continue")]
        admitted.sendall(body)
        assert read_answer(admitted).status == 200
        assert (
            httpx.post(f"{wire.url}{path or DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 200
        )


def test_the_uploads_of_one_client_are_limited_and_the_limit_is_told(tmp_path: Path) -> None:
    body = form(tone(0.2))
    with wired(FakeEngines(), tmp_path, max_uploads_per_client=2) as wire, ExitStack() as stack:
        for path in (None, "/detect-language"):
            stack.enter_context(wire.connect()).sendall(head(len(body), path=path) + body[:300])
        wait_until(lambda: wire.open_uploads() == 2)
        with wire.connect() as third:
            third.sendall(head(len(body)))
            answer = read_answer(third)
            assert (answer.status, told(answer)["code"]) == (503, "too_many_uploads")
            assert "2 at once for each client (MAX_UPLOADS_PER_CLIENT)" in told(answer)["detail"]
            assert int(answer.headers["retry-after"]) > 0
        stack.close()
        wait_until(lambda: wire.open_uploads() == 0)
        assert httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 200


def post(wire: Wire) -> int:
    return httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code


def test_fields_before_the_file_are_bounded_and_hold_a_place(tmp_path: Path) -> None:
    with wired(FakeEngines(), tmp_path, max_queue_size=0) as wire, wire.connect() as connection:
        field = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="hotwords"\r\n\r\n'.encode()
        connection.sendall(head(10_000_000) + field)
        wait_until(
            lambda: httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 503
        )
        connection.sendall(b"x" * (DOOR.field_bytes + 5_000))
        answer = read_answer(connection)
        assert answer.status == 400
        limit = f"hotwords: the field is too long: the limit is {DOOR.field_bytes} bytes"
        assert limit in told(answer)["detail"]
        wait_until(
            lambda: httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 200
        )


ENDINGS: dict[str, bytes] = {
    "served": form(tone(0.2)),
    "not sound": form(b"no sound at all " * 50),
    "too large": form(bytes(2_100_000)),
    "not ended": form(tone(0.2), end=False),
    "wrong option": form(tone(0.2), end=False)
    + f'\r\n--{BOUNDARY}\r\nContent-Disposition: form-data; name="task"\r\n\r\nsing'.encode()
    + f"\r\n--{BOUNDARY}--\r\n".encode(),
}


@pytest.mark.parametrize("body", ENDINGS.values(), ids=ENDINGS.keys())
def test_no_upload_is_closed_on_the_event_loop(
    wire: Wire, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Freeing a large file may take the disk seconds, and everybody else would wait."""
    loop_threads = {thread.name for thread in threading.enumerate() if "run" in thread.name}
    assert loop_threads
    closed_in: list[str] = []
    close = StoredUpload.close

    def noting_close(upload: StoredUpload) -> None:
        closed_in.append(threading.current_thread().name)
        close(upload)

    monkeypatch.setattr(StoredUpload, "close", noting_close)
    with wire.connect() as connection:
        connection.sendall(head(len(body)) + body)
        read_answer(connection)
    assert closed_in
    assert not loop_threads & set(closed_in)


def test_the_file_goes_as_soon_as_it_is_decoded(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    body = form(tone(0.2))
    with wired(engines, tmp_path) as wire, wire.connect() as connection:
        connection.sendall(head(len(body)) + body)
        assert engines.entered.wait(10)
        assert wire.open_uploads() == 0
        assert stored_bytes(tmp_path) == 0
        engines.gate.set()
        assert read_answer(connection).status == 200


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
