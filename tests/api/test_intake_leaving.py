"""Clients that leave: their place and their slot are free at once."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.wire import DOOR, Wire, form, head, is_closed, read_answer, told, wait_until, wired


def send(wire: Wire, path: str | None = None) -> socket.socket:
    connection = wire.connect()
    body = form(tone(0.2))
    connection.sendall(head(len(body), path=path) + body)
    return connection


def test_a_client_that_leaves_while_it_waits_frees_its_place(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path, max_queue_size=2) as wire:
        running, staying, leaving = send(wire), None, None
        wait_until(lambda: wire.queue() == (1, 0))
        staying, leaving = send(wire), send(wire)
        wait_until(lambda: wire.queue() == (1, 2))
        leaving.close()
        wait_until(lambda: wire.queue() == (1, 1))
        wait_until(lambda: wire.open_uploads() == 1)
        running.close()
        staying.close()
        wait_until(lambda: wire.queue() == (0, 0))


@pytest.mark.parametrize(
    ("path", "stage"),
    [(None, "transcribe"), ("/asr", "align"), ("/asr", "diarize"), ("/detect-language", "detect")],
)
def test_a_client_that_leaves_while_it_is_served_frees_the_slot(
    tmp_path: Path, path: str | None, stage: str
) -> None:
    engines = FakeEngines(waits_in=stage)
    engines.gate.clear()
    with wired(engines, tmp_path) as wire:
        connection = send(wire, path)
        assert engines.entered.wait(10)
        connection.close()
        wait_until(lambda: wire.queue() == (0, 0))
        assert wire.open_uploads() == 0
        engines.gate.set()
        assert httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 200
        metrics = httpx.get(f"{wire.url}/metrics").text
        assert "asr_cancellations_total 1.0" in metrics
        assert (
            f'asr_requests_total{{outcome="client_closed_request",route="{path or DOOR.path}"}} 1.0'
            in metrics
        )


CLIENT = """
import socket, sys, time
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
connection.sendall(sys.stdin.buffer.read())
time.sleep(60)
"""


def kill_a_client(wire: Wire, request: bytes, once: Callable[[], bool]) -> None:
    """Send `request` from a process of its own and kill that as soon as `once` holds."""
    command = [sys.executable, "-S", "-c", CLIENT, str(wire.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as client:
        assert client.stdin is not None
        client.stdin.write(request)
        client.stdin.close()
        wait_until(once)
        client.kill()


@pytest.mark.parametrize("phase", ["sending", "waiting", "served"])
def test_a_client_killed_with_signal_9_leaves_nothing_behind(tmp_path: Path, phase: str) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    body = form(tone(0.2))
    with wired(engines, tmp_path) as wire:
        if phase == "sending":
            kill_a_client(wire, head(len(body)) + body[:3000], lambda: wire.open_uploads() == 1)
        elif phase == "served":
            kill_a_client(wire, head(len(body)) + body, lambda: wire.queue() == (1, 0))
        else:
            with send(wire):
                wait_until(lambda: wire.queue() == (1, 0))
                kill_a_client(wire, head(len(body)) + body, lambda: wire.queue() == (1, 1))
                wait_until(lambda: wire.queue() == (1, 0))
        wait_until(lambda: wire.queue() == (0, 0))
        wait_until(lambda: wire.open_uploads() == 0)
        assert list(tmp_path.iterdir()) == []


def test_nothing_leaks_when_fifty_clients_leave(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path) as wire:
        connections = [send(wire) for _ in range(50)]
        wait_until(lambda: wire.queue() == (1, 49))
        for connection in connections:
            connection.close()
        wait_until(lambda: wire.queue() == (0, 0), seconds=5)
        assert wire.open_uploads() == 0


def test_a_client_that_keeps_its_connection_is_served(tmp_path: Path) -> None:
    """Waiting silently is not leaving."""
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path) as wire, send(wire) as connection:
        assert engines.entered.wait(10)
        time.sleep(0.3)
        engines.gate.set()
        assert b" 200 " in connection.recv(65536).splitlines()[0]


@pytest.mark.parametrize("path", ["/health", "/docs", "/metrics", "/asr?task=sing"])
def test_answers_come_beside_a_long_job_and_a_full_queue(tmp_path: Path, path: str) -> None:
    """Within how many milliseconds is measured by `make bench ARGS=refusals`."""
    engines = FakeEngines()
    engines.gate.clear()
    with (
        wired(engines, tmp_path, max_queue_size=1) as wire,
        httpx.Client(base_url=wire.url) as client,
        send(wire),
        send(wire),
    ):
        wait_until(lambda: wire.queue() == (1, 1))
        if path.startswith("/asr"):
            assert client.post(path, files={"audio_file": tone(0.2)}).status_code == 400
        else:
            assert client.get(path).status_code == 200
        assert wire.queue() == (1, 1)


def test_a_full_queue_refuses_before_the_upload(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path, max_queue_size=1) as wire:
        connections = [send(wire) for _ in range(2)]
        wait_until(lambda: wire.queue() == (1, 1))
        answer = httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)})
        assert answer.status_code == 503
        assert told(answer)["code"] == "busy"
        assert 1 <= int(answer.headers["Retry-After"]) <= 60
        engines.gate.set()
        for connection in connections:
            assert b" 200 " in connection.recv(65536).splitlines()[0]
            connection.close()
        assert 'asr_refusals_total{reason="busy"} 1.0' in httpx.get(f"{wire.url}/metrics").text


def test_a_refused_client_that_sends_slowly_reads_its_answer(tmp_path: Path) -> None:
    """It looks for an answer only when it has sent all, as most do; until then it meets no reset."""
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path, max_queue_size=1) as wire, send(wire), send(wire):
        wait_until(lambda: wire.queue() == (1, 1))
        with wire.connect() as connection:
            connection.sendall(head(9000))
            wait_until(lambda: 'outcome="busy"' in httpx.get(f"{wire.url}/metrics").text)
            for _ in range(9):
                time.sleep(0.35)
                connection.sendall(bytes(1000))
            time.sleep(0.1)
            answer = read_answer(connection)
            assert (answer.status, told(answer)["code"]) == (503, "busy")
            assert is_closed(connection, seconds=1)


def test_time_limits_answer_with_their_status(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path, queue_timeout=0.2, request_timeout=1.0) as wire:
        running = send(wire)
        assert engines.entered.wait(10)
        waiting = httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)})
        assert waiting.status_code == 503
        assert told(waiting)["code"] == "queue_timeout"
        assert b" 504 " in running.recv(65536).splitlines()[0]
        running.close()
        wait_until(lambda: wire.queue() == (0, 0))


def test_a_language_is_told_while_a_film_is_transcribed_and_more_wait(tmp_path: Path) -> None:
    engines = FakeEngines()
    engines.gate.clear()
    with wired(engines, tmp_path, max_queue_size=1) as wire, send(wire), send(wire):
        wait_until(lambda: wire.queue() == (1, 1))
        answer = httpx.post(f"{wire.url}/detect-language", files={"audio_file": tone(0.2)}, timeout=10)
        assert (answer.status_code, answer.json()["language_code"]) == (200, "en")
        health = wire.health()
        assert health["queue"] == {"slots": 1, "running": 1, "waiting": 1, "max_waiting": 1}
        assert health["detection_queue"] == {"slots": 1, "running": 0, "waiting": 0, "max_waiting": 1}


def test_detections_wait_for_one_another_in_a_bounded_queue(tmp_path: Path) -> None:
    engines = FakeEngines(waits_in="detect")
    engines.gate.clear()
    path = "/detect-language"
    with wired(engines, tmp_path, max_queue_size=1) as wire, send(wire, path), send(wire, path):
        wait_until(lambda: wire.queue() == (1, 1))
        refused = httpx.post(f"{wire.url}{path or DOOR.path}", files={"audio_file": tone(0.2)})
        assert (refused.status_code, told(refused)["code"]) == (503, "busy")
        assert httpx.post(f"{wire.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 200
        metrics = httpx.get(f"{wire.url}/metrics").text
        assert "asr_detections_running 1.0" in metrics
        assert "asr_detections_waiting 1.0" in metrics


def test_a_client_that_fills_the_queue_shuts_no_other_out(tmp_path: Path) -> None:
    """Two keys, two clients: the queue is full for the one that filled it."""
    engines = FakeEngines()
    engines.gate.clear()
    body = form(tone(0.2))

    def post(key: str) -> socket.socket:
        connection = wire.connect()
        connection.sendall(head(len(body), f"Authorization: Bearer {key}") + body)
        return connection

    with wired(engines, tmp_path, max_queue_size=2, api_key="bulk,single") as wire:
        sent = [post("bulk") for _ in range(3)]
        wait_until(lambda: wire.queue() == (1, 2))
        with post("bulk") as refused:
            assert read_answer(refused).status == 503
        single = post("single")
        wait_until(lambda: wire.queue() == (1, 3))
        engines.gate.set()
        for connection in (*sent, single):
            assert read_answer(connection).status == 200
            connection.close()
