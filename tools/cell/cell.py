"""Starts Ray as deploy/ray says, deploys an application, and ends what it started."""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
import yaml
from dotenv import dotenv_values

ROOT = Path(__file__).parents[2]
RAY = ROOT / "deploy" / "ray"
MARK = "CELL_DIRECTORY"
"""Every process of a cell has this variable, to be found again: `ray stop` would end every Ray here."""
START_SECONDS = 180
OBJECT_STORE_BYTES = 100_000_000
"""The service puts nothing there; Ray wants 75 MiB at least."""

Config = dict[str, Any]


class CellFailed(Exception):
    """The cell did not come up; the message says how far it came."""


@dataclass(frozen=True)
class Cell:
    """A running Ray: where its parts listen, and the directory with all that it writes."""

    directory: Path
    port: int
    gcs_port: int
    dashboard_port: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, cpus: int) -> None:
        """Start the head of a cell that has no other node.

        Raises:
            CellFailed: Ray does not start.
        """
        command = [
            *(str(Path(sys.executable).with_name("ray")), "start", "--head", "--disable-usage-stats"),
            *("--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1"),
            *(
                f"--port={self.gcs_port}",
                f"--dashboard-port={self.dashboard_port}",
                f"--ray-client-server-port={free_port()}",
                f"--dashboard-agent-listen-port={free_port()}",
            ),
            *(f"--num-cpus={cpus}", "--num-gpus=0", f"--object-store-memory={OBJECT_STORE_BYTES}"),
            f"--temp-dir={self.directory / 'ray'}",
        ]
        with (self.directory / "start.log").open("wb") as log:
            done = subprocess.run(
                command, env=self.environment, cwd=self.directory, stdout=log, stderr=log, check=False
            )
        if done.returncode != 0:
            raise CellFailed((self.directory / "start.log").read_text(encoding="utf-8"))

    def deploy(self, config: Config) -> None:
        """Ask for `config`, as `serve deploy` does; returns before it is fulfilled.

        Raises:
            CellFailed: Ray refuses it.
        """
        answer = self.ask("PUT", json=config)
        if not answer.ok:
            raise CellFailed(answer.text)

    def ask(self, method: str = "GET", *, token: bool = True, **arguments: Any) -> requests.Response:
        """Ask Ray's dashboard about the applications."""
        key = (self.directory / "token").read_text(encoding="utf-8")
        headers = {"Authorization": f"Bearer {key}"} if token else {}
        url = f"http://127.0.0.1:{self.dashboard_port}/api/serve/applications/"
        return requests.request(method, url, headers=headers, timeout=60, **arguments)

    def replicas(self) -> list[Config]:
        """Return what Ray says of each running replica: its process, node and addresses among it."""
        deployments = self._application().get("deployments", {})
        found = [replica for each in deployments.values() for replica in each["replicas"]]
        return [replica for replica in found if replica["state"] == "RUNNING"]

    def _application(self) -> Config:
        return dict(self.ask().json().get("applications", {}).get("asr", {}))

    def wait(self, replicas: int, seconds: float = START_SECONDS) -> None:
        """Return once so many replicas run and the address answers.

        Raises:
            CellFailed: they do not in time, or Ray gave up.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self._is_complete(replicas):
                return
            time.sleep(0.2)
        raise CellFailed(f"not {replicas} replicas after {seconds} s: {self._application()}")

    def _is_complete(self, replicas: int) -> bool:
        with suppress(requests.ConnectionError, requests.Timeout, ValueError, KeyError):
            application = self._application()
            if application.get("status") == "DEPLOY_FAILED":
                raise CellFailed(application["message"])
            running = application.get("status") == "RUNNING" and len(self.replicas()) == replicas
            return running and requests.get(f"{self.url}/health", timeout=5).ok
        return False

    def processes(self, named: str = "") -> list[psutil.Process]:
        """Return the processes of this cell whose command line contains `named`."""
        marked = [process for process in psutil.process_iter() if _is_marked(process, self.directory)]
        found = {*marked, *(child for process in marked for child in _children(process))}
        return [process for process in found if named in _command(process)]

    def stop(self) -> None:
        """Kill every process of this cell, until there is none."""
        until = time.monotonic() + 30
        while (left := self.processes()) and time.monotonic() < until:
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, 2)


def _is_marked(process: psutil.Process, directory: Path) -> bool:
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == str(directory)
    return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    """Return what `process` has started; some of it writes its title over its environment."""
    with suppress(psutil.Error):
        return process.children(recursive=True)
    return []


def _command(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def free_port() -> int:
    """Return a port that was free a moment ago, above those that Ray hands to its workers and replicas."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def node_environment(directory: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a node whose files all lie in `directory`; `settings` come last."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    delivered = {name: value or "" for name, value in dotenv_values(RAY / "cluster.env").items()}
    haproxy, programs = directory / "haproxy", Path(sys.executable).parent
    own = {
        MARK: str(directory),
        "PATH": f"{programs}:{inherited['PATH']}",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(RAY / "haproxy"),
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_TOKEN_PATH": str(directory / "token"),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "admin.sock"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "metrics.sock"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(free_port()),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(free_port()),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(free_port()),
    }
    return {**inherited, **delivered, **own, **settings}


def serve_config(port: int, replicas: int, **deployment: Any) -> Config:
    """Return deploy/ray/serve.yaml for so many replicas without GPU; `deployment` replaces entries."""
    config: Config = yaml.safe_load((RAY / "serve.yaml").read_text(encoding="utf-8"))
    config["http_options"] = {**config["http_options"], "host": "127.0.0.1", "port": port}
    (application,) = config["applications"]
    (only,) = application["deployments"]
    del only["autoscaling_config"]
    only.update(num_replicas=replicas, ray_actor_options={"num_cpus": 1, "num_gpus": 0})
    only.update(deployment)
    return config


@contextmanager
def running_cell(
    settings: Mapping[str, str],
    *,
    port: int | None = None,
    config: Callable[[int], Config],
    replicas: int,
    cpus: int = 8,
) -> Iterator[Cell]:
    """Yield a cell with `replicas` that answer; nothing of it is left afterwards.

    Raises:
        CellFailed: it does not come up.
    """
    directory = Path(tempfile.mkdtemp(prefix="cell-"))
    (directory / "haproxy").mkdir()
    (directory / "token").write_text(secrets.token_hex(32), encoding="utf-8")
    (directory / "token").chmod(0o600)
    environment = node_environment(directory, settings)
    cell = Cell(directory, port or free_port(), free_port(), free_port(), environment)
    try:
        cell.start(cpus)
        cell.deploy(config(cell.port))
        cell.wait(replicas)
        yield cell
    finally:
        cell.stop()
        shutil.rmtree(directory, ignore_errors=True)
