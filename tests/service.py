"""Starts the real service as a process of its own, the way an operator does."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import httpx

from tests.forked import ForkedProcess, start_forked

ROOT = Path(__file__).parent.parent
START_SECONDS = 120
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "OMP_NUM_THREADS")
AnyProcess: TypeAlias = "subprocess.Popen[bytes] | ForkedProcess"


@dataclass(frozen=True)
class Service:
    """A running service: where it listens, its process and its log."""

    url: str
    process: AnyProcess
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def health(self) -> httpx.Response:
        return httpx.get(f"{self.url}/health", timeout=10)

    def stop(self, seconds: float = 60) -> int:
        """Send SIGTERM and return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return exit_status(self.process, self.log_path, seconds)


def exit_status(process: AnyProcess, log_path: Path, seconds: float) -> int:
    """Wait for the end of a service; one that does not end fails with its log and what its threads do."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGABRT)  # faulthandler writes the threads' stacks
        process.wait(30)
        raise AssertionError(f"still runs {seconds:g} s after SIGTERM:\n{log_path.read_text()}") from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_service(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    wait_for: str = "healthy",
    program: Sequence[str] = (),
    forked: Callable[[], object] | None = None,
) -> Iterator[Service]:
    """Yield a service with `settings` in its environment, once /health says `wait_for`; "": at once.

    Another `program`, or a function to run in a fork of what has imported the engines, finds its port in the
    environment.
    """
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if name in INHERITED}
    environment = {
        **inherited,
        "PRELOAD_MODEL": "demo",
        "HF_HUB_OFFLINE": "1",
        "DEVICE": "cpu",
        "PORT": str(port),
        "CACHE_DIR": str(directory / "cache"),
        "TEMP_DIR": str(directory / "uploads"),
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": str(ROOT),
        **(settings or {}),
    }
    served = [sys.executable, "-m", "app", "serve", "--host", "127.0.0.1", "--port", str(port)]
    log_path = directory / f"service-{port}.log"
    process: AnyProcess
    if forked is not None:
        process = start_forked(forked, environment=environment, directory=directory, log=log_path)
    else:
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                program or served, env=environment, cwd=directory, stdout=log, stderr=subprocess.STDOUT
            )
    service = Service(f"http://127.0.0.1:{port}", process, log_path)
    try:
        if wait_for:
            wait_for_status(service, wait_for)
        yield service
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(30)


def _serve() -> int:
    """Do what `python -m app serve` does, on the port of the environment."""
    from app.__main__ import main

    return main(["serve", "--host", "127.0.0.1"])


forked_service = partial(running_service, forked=_serve)
"""The same service without the seconds of importing, for tests of what comes after them."""


def wait_for_status(service: Service, status: str, seconds: float = START_SECONDS) -> None:
    """Return once /health reports `status`; fail with the log otherwise."""
    deadline = time.monotonic() + seconds
    seen = "no answer"
    while time.monotonic() < deadline:
        if service.process.poll() is not None:
            raise AssertionError(f"the service ended with {service.process.returncode}:\n{service.log}")
        try:
            seen = str(service.health().json().get("status"))
            if seen == status:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"/health said {seen!r}, not {status!r}, for {seconds} s:\n{service.log}")
