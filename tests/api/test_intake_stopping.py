"""SIGTERM in every phase of a request, kill -9, and disks that are full: with real processes."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from app.audio.ffmpeg_binary import find_ffmpeg
from tests.fake_service import main as fake_service
from tests.forked import start_forked
from tests.in_process import tone
from tests.service import ROOT, AnyProcess, free_port
from tests.wire import DOOR, form, head, is_closed, read_answer, told, wait_until


@dataclass
class Process:
    """A running fake service."""

    port: int
    process: AnyProcess
    gate: Path
    uploads: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            httpx.get(f"{self.url}/health", timeout=5)
        except httpx.TransportError:
            return False
        return True

    def queue(self) -> tuple[int, int]:
        queue = httpx.get(f"{self.url}/health", timeout=5).json()["queue"]
        return queue["running"], queue["waiting"]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def send(self, path: str | None = None) -> socket.socket:
        connection = self.connect()
        body = form(tone(0.2))
        connection.sendall(head(len(body), "Connection: close", path=path) + body)
        return connection

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)


@contextmanager
def service(directory: Path, *arguments: str, wrap: Sequence[str] = (), **settings: str) -> Iterator[Process]:
    """Yield a fake service in a process of its own, a fork unless a program is to `wrap` it."""
    port, gate, uploads = free_port(), directory / "gate", directory / "uploads"
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PORT": str(port),
        "PRELOAD_MODEL": "demo",
        "TEMP_DIR": str(uploads),
        "CACHE_DIR": str(directory),
        "SHUTDOWN_GRACE_SECONDS": "20",
        "PYTHONPATH": str(ROOT),
        **{name.upper(): value for name, value in settings.items()},
    }
    log = directory / "service.log"
    process: AnyProcess
    if wrap:
        command = [*wrap, sys.executable, "-m", "tests.fake_service", str(gate), *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=output)
    else:
        process = start_forked(
            fake_service, str(gate), *arguments, environment=environment, directory=directory, log=log
        )
    running = Process(port, process, gate, uploads, log)
    try:
        wait_until(running.answers, seconds=60)
        yield running
    finally:
        process.kill()
        process.wait(10)


def test_sigterm_ends_an_idle_service_with_status_0(tmp_path: Path) -> None:
    with service(tmp_path) as running:
        began = time.monotonic()
        running.terminate()
        assert running.process.wait(10) == 0
        assert time.monotonic() - began < 5


def test_sigterm_lets_running_and_waiting_requests_finish(tmp_path: Path) -> None:
    """Meanwhile new ones are told 503 and /health says that the end is near."""
    with service(tmp_path) as running:
        accepted = [running.send() for _ in range(3)]
        wait_until(lambda: running.queue() == (1, 2))
        running.terminate()
        wait_until(lambda: httpx.get(f"{running.url}/health").status_code == 503)
        refused = httpx.post(f"{running.url}{DOOR.path}", files={"audio_file": tone(0.2)})
        assert refused.status_code == 503
        assert told(refused)["code"] == "draining"
        assert int(refused.headers["Retry-After"]) > 0
        running.gate.touch()
        assert [read_answer(connection).status for connection in accepted] == [200] * 3
        assert running.process.wait(15) == 0
        for connection in accepted:
            connection.close()


def test_a_balancer_has_time_to_notice_before_work_is_refused(tmp_path: Path) -> None:
    with service(tmp_path, shutdown_delay_seconds="2") as running:
        running.gate.touch()
        running.terminate()
        wait_until(lambda: httpx.get(f"{running.url}/health").status_code == 503, seconds=1)
        late = httpx.post(f"{running.url}{DOOR.path}", files={"audio_file": tone(0.2)}, timeout=20)
        assert late.status_code == 200
        assert running.process.wait(15) == 0


SLOW_FFMPEG = """#!/bin/sh
case "$*" in *-protocols*) exec "{ffmpeg}" "$@";; esac
touch "{gate}.entered"
while [ ! -e "{gate}" ]; do sleep 0.02; done
exec "{ffmpeg}" "$@"
"""


def with_slow_ffmpeg(directory: Path) -> str:
    """Return a PATH whose ffmpeg waits for the gate before it decodes."""
    programs = directory / "programs"
    programs.mkdir()
    script = programs / "ffmpeg"
    script.write_text(SLOW_FFMPEG.format(ffmpeg=find_ffmpeg(), gate=directory / "gate"))
    script.chmod(0o755)
    return f"{programs}:{os.environ['PATH']}"


@pytest.mark.parametrize("phase", ["decode", "transcribe", "align", "diarize"])
def test_sigterm_in_any_phase_lets_the_work_come_to_its_end(tmp_path: Path, phase: str) -> None:
    search_path = with_slow_ffmpeg(tmp_path) if phase == "decode" else os.environ["PATH"]
    with service(tmp_path, phase, path=search_path) as running:
        with running.send(DOOR.everything) as connection:
            wait_until(lambda: running.gate.with_suffix(".entered").exists())
            running.terminate()
            time.sleep(0.2)
            assert running.process.poll() is None
            running.gate.touch()
            answer = read_answer(connection)
            assert answer.status == 200
            assert "warnings" not in answer.json
            assert "x-asr-warnings" not in answer.headers
        assert running.process.wait(15) == 0


def test_sigterm_while_an_upload_arrives_refuses_it_and_ends(tmp_path: Path) -> None:
    with service(tmp_path) as running, running.connect() as uploading:
        body = form(tone(0.2))
        uploading.sendall(head(len(body)) + body[:3000])
        time.sleep(0.3)
        running.terminate()
        time.sleep(0.05)
        uploading.sendall(body[3000:])
        assert read_answer(uploading).status == 503
        assert running.process.wait(15) == 0


def test_what_outlasts_the_grace_is_answered_503_and_the_exit_is_clean(tmp_path: Path) -> None:
    with service(tmp_path, shutdown_grace_seconds="0.5") as running:
        accepted = [running.send() for _ in range(2)]
        wait_until(lambda: running.queue() == (1, 1))
        running.terminate()
        assert [read_answer(connection).status for connection in accepted] == [503, 503]
        assert running.process.wait(15) == 0
        for connection in accepted:
            connection.close()


def test_a_decoding_that_outlasts_the_grace_is_killed(tmp_path: Path) -> None:
    with service(tmp_path, path=with_slow_ffmpeg(tmp_path), shutdown_grace_seconds="0.3") as running:
        with running.send() as connection:
            wait_until(lambda: running.gate.with_suffix(".entered").exists())
            (decoding,) = psutil.Process(running.process.pid).children()
            running.terminate()
            assert read_answer(connection).status == 503
        assert running.process.wait(15) == 0
        assert not decoding.is_running()


def test_work_that_never_ends_can_neither_keep_nor_abort_the_process(tmp_path: Path) -> None:
    """It would abort it by coming back from native code to an interpreter that is being taken down."""
    with service(tmp_path, "native", shutdown_grace_seconds="0.3") as running, running.send() as connection:
        wait_until(lambda: running.queue() == (1, 0))
        running.terminate()
        assert read_answer(connection).status == 503
        assert running.process.wait(20) == 0
        assert "broken off" in running.log.read_text()


def test_sigterm_ends_the_wait_for_a_model(tmp_path: Path) -> None:
    with service(tmp_path, "unloaded", shutdown_grace_seconds="0.3") as running:
        with running.send() as connection:
            wait_until(lambda: running.queue() == (1, 0))
            began = time.monotonic()
            running.terminate()
            assert read_answer(connection).status == 503
        assert running.process.wait(20) == 0
        assert time.monotonic() - began < 4
        assert "degraded" not in running.log.read_text()


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    with service(tmp_path) as running, running.send() as connection:
        wait_until(lambda: running.queue() == (1, 0))
        running.terminate()
        time.sleep(0.3)
        assert running.process.poll() is None
        began = time.monotonic()
        running.terminate()
        assert running.process.wait(5) != 0
        assert time.monotonic() - began < 2
        assert is_closed(connection)


def test_hung_work_makes_the_service_unhealthy_and_answers_its_client(tmp_path: Path) -> None:
    with service(tmp_path, "deaf", watchdog_seconds="0.5") as running, running.send() as connection:
        assert read_answer(connection).status == 500
        answer = httpx.get(f"{running.url}/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unhealthy"
        assert httpx.post(f"{running.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 503


def test_kill_9_of_the_service_leaves_no_upload_on_disk(tmp_path: Path) -> None:
    with service(tmp_path) as running, running.send(), running.connect() as uploading:
        wait_until(lambda: running.queue() == (1, 0))
        uploading.sendall(head(1_000_000) + form(b"x" * 500_000, end=False))
        time.sleep(0.2)
        running.process.kill()
        running.process.wait(10)
        assert [path for path in running.uploads.rglob("*") if path.is_file()] == []


def can_mount() -> bool:
    """Return whether this machine lets us have a small disk of our own."""
    if shutil.which("unshare") is None:
        return False
    probe = ["unshare", "-Urm", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


@contextmanager
def service_on_disk(directory: Path, options: str) -> Iterator[Process]:
    """Yield a service whose upload directory is a disk of its own, mounted with `options`."""
    uploads = directory / "uploads"
    uploads.mkdir()
    script = f'mount -t tmpfs -o {options} tmpfs "{uploads}" && exec "$@"'
    with service(directory, wrap=("unshare", "-Urm", "sh", "-c", script, "sh")) as running:
        yield running


needs_disk = pytest.mark.skipif(not can_mount(), reason="this machine allows no user namespaces with mounts")


@needs_disk
@pytest.mark.parametrize("framing", ["announced", "chunked"])
def test_a_full_disk_is_told_and_survived(tmp_path: Path, framing: str) -> None:
    def pieces() -> Iterator[bytes]:
        yield form(b"", end=False)
        for _ in range(64):
            yield b"x" * 65536

    content_type = {"Content-Type": "multipart/form-data; boundary=frontier"}
    with service_on_disk(tmp_path, "size=1m") as running:
        running.gate.touch()
        if framing == "announced":
            answer = httpx.post(f"{running.url}{DOOR.path}", files={"audio_file": bytes(4 << 20)})
        else:
            answer = httpx.post(f"{running.url}{DOOR.path}", content=pieces(), headers=content_type)
        assert answer.status_code == 507
        assert told(answer)["code"] == "storage_full"
        assert "no space" in told(answer)["detail"]
        assert httpx.post(f"{running.url}{DOOR.path}", files={"audio_file": tone(0.2)}).status_code == 200
        assert "Traceback" not in running.log.read_text()


@needs_disk
def test_a_disk_that_turns_read_only_is_told(tmp_path: Path) -> None:
    with service_on_disk(tmp_path, "size=4m") as running:
        remount = ["nsenter", "-t", str(running.process.pid), "-U", "-m", "--preserve-credentials"]
        done = subprocess.run([*remount, "mount", "-o", "remount,ro", str(running.uploads)], check=False)
        if done.returncode:
            pytest.skip("this machine allows no entering of namespaces")
        answer = httpx.post(f"{running.url}{DOOR.path}", files={"audio_file": tone(0.2)})
        assert answer.status_code == 503
        assert "not writable" in told(answer)["detail"]
        assert "Traceback" not in running.log.read_text()


def test_a_directory_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fake_service", str(tmp_path / "gate")]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TEMP_DIR": "/proc/uploads",
        "PRELOAD_MODEL": "demo",
    }
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
    )
    assert done.returncode != 0
    assert b"/proc/uploads" in done.stderr
