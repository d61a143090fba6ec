"""A built image and the engine that runs it: `make image-test` builds first and needs an engine."""

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HARDENED = [
    *("--user", "1000:1000", "--read-only", "--tmpfs", "/tmp"),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
]
PROBE_OFTEN = ["--health-interval", "2s", "--health-start-period", "5s", "--health-retries", "3"]
START_SECONDS = 240


@dataclass(frozen=True)
class Engine:
    """The docker command line and the image under test."""

    program: str
    image: str

    def run(self, *arguments: str, timeout: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run `docker ARGUMENTS`; the caller looks at the exit status."""
        command = [self.program, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    def output(self, *arguments: str, timeout: float = 120) -> str:
        """Run `docker ARGUMENTS`, which must succeed, and return what it prints."""
        done = self.run(*arguments, timeout=timeout)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()


@dataclass(frozen=True)
class Container:
    """A container of the service."""

    engine: Engine
    name: str

    def inspect(self, template: str) -> str:
        return self.engine.output("inspect", "--format", template, self.name)

    @property
    def logs(self) -> str:
        done = self.engine.run("logs", self.name)
        return done.stdout + done.stderr

    @property
    def url(self) -> str:
        port = self.engine.output("port", self.name, "9000/tcp").splitlines()[0].rpartition(":")[2]
        return f"http://127.0.0.1:{port}"

    def wait_for_health(self, wanted: str, seconds: float = START_SECONDS) -> None:
        """Return once the engine itself calls the container `wanted`: healthy or unhealthy."""
        deadline = time.monotonic() + seconds
        while (status := self.inspect("{{.State.Health.Status}}")) != wanted:
            assert self.inspect("{{.State.Running}}") == "true", f"the container ended:\n{self.logs}"
            assert time.monotonic() < deadline, f"{status}, not {wanted}, after {seconds} s:\n{self.logs}"
            time.sleep(1)

    def stop(self) -> int:
        """Send SIGTERM, wait, and return the exit status."""
        self.engine.output("kill", "--signal", "TERM", self.name)
        return int(self.engine.output("wait", self.name))


StartContainer = Callable[..., Container]


@pytest.fixture(scope="session")
def engine() -> Engine:
    found = Engine(os.environ.get("DOCKER", "docker"), os.environ.get("IMAGE", "whisperx-asr-api"))
    try:
        answers = found.run("info").returncode == 0
    except (FileNotFoundError, subprocess.TimeoutExpired):
        answers = False
    if not answers:
        pytest.skip("no Docker engine answers")
    if found.run("image", "inspect", found.image).returncode != 0:
        pytest.skip(f"there is no image {found.image}; make image builds it")
    return found


@pytest.fixture(scope="session")
def volume(engine: Engine) -> Iterator[str]:
    """One model cache for all tests: filled by the first container, used offline by later ones."""
    name = f"asr-test-{uuid.uuid4().hex[:8]}"
    engine.output("volume", "create", name)
    yield name
    engine.output("volume", "rm", "--force", name)


@contextmanager
def started(engine: Engine, *arguments: str) -> Iterator[Container]:
    """Run the image in the background under the restrictions that docs/install.md promises to work."""
    container = Container(engine, f"asr-test-{uuid.uuid4().hex[:8]}")
    engine.output(
        "run", "--detach", "--name", container.name, *HARDENED, *PROBE_OFTEN, *arguments, engine.image
    )
    try:
        yield container
    finally:
        engine.run("rm", "--force", "--volumes", container.name)


@pytest.fixture(scope="session")
def demo_container(engine: Engine, volume: str) -> Iterator[Container]:
    """The service on the embedded models, healthy."""
    arguments = [
        "--publish",
        "127.0.0.1::9000",
        "--volume",
        f"{volume}:/.cache",
        "--env",
        "PRELOAD_MODEL=demo",
    ]
    with started(engine, *arguments, "--env", "DEVICE=cpu") as container:
        container.wait_for_health("healthy")
        yield container
