"""Cells of Ray Serve on engines that sleep, from the files of deploy/ray with the longest times shortened."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.wire import wait_until
from tools.cell.cell import Cell, Config, free_port, running_cell, serve_config

SHORTENED = {
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "120",
    "RAY_SERVE_HAPROXY_CLOSE_SPREAD_TIME_S": "1",
}
DEPLOYMENT: dict[str, Any] = {
    "health_check_period_s": 1,
    "health_check_timeout_s": 5,
    "graceful_shutdown_timeout_s": 90,
}
LOST = (0, 500)
"""What a client sees of a replica that died: a broken connection, or the bare 500 of Ray's HAProxy."""


@dataclass(frozen=True)
class SleepingCell:
    """A cell, and the journal that all its replicas write."""

    cell: Cell
    journal: Path
    metrics_port: int

    @property
    def url(self) -> str:
        return self.cell.url

    def pids(self) -> set[int]:
        """Return the processes of the replicas that run."""
        return {int(replica["pid"]) for replica in self.cell.replicas()}

    def deploy(self, replicas: int, **deployment: Any) -> None:
        self.cell.deploy(self.config(replicas, **deployment))

    def config(self, replicas: int, **deployment: Any) -> Config:
        return sleeping_config(self.cell.port, self.metrics_port, replicas, **deployment)

    def figures(self) -> list[dict[str, float]]:
        """Return the figures of every replica, each from a port of its own."""
        ports = range(self.metrics_port, self.metrics_port + 10)
        return [found for port in ports if (found := _figures(port))]

    def is_idle(self) -> bool:
        """Return whether no replica works, has a queue or keeps an upload."""
        names = ("asr_running", "asr_queue_depth", "asr_open_uploads")
        return all(each[name] == 0 for each in self.figures() for name in names)

    def haproxy(self) -> list[psutil.Process]:
        """Return the HAProxy processes, those that only finish what they have included."""
        return [process for process in self.cell.processes("haproxy.cfg") if process.name() == "haproxy"]

    def actor(self, name: str) -> psutil.Process:
        """Return the process of one of Ray Serve's own actors."""
        (found,) = self.cell.processes(f"ray::{name}")
        return found


def _figures(port: int) -> dict[str, float]:
    try:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    except httpx.TransportError:
        return {}
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def sleeping_config(port: int, metrics_port: int, replicas: int, **deployment: Any) -> Config:
    config = serve_config(port, replicas, **{**DEPLOYMENT, **deployment})
    (application,) = config["applications"]
    application["import_path"] = "tests.cluster.sleeping_cell:application"
    application["args"] = {"metrics_port": metrics_port}
    return config


@contextmanager
def sleeping_cell(
    directory: Path, replicas: int = 2, settings: dict[str, str] | None = None, **deployment: Any
) -> Iterator[SleepingCell]:
    """Yield a cell; `settings` reach every process of it, `deployment` replaces what serve.yaml says."""
    journal, metrics_port = directory / "journal", free_port()
    chosen = {
        "JOURNAL": str(journal),
        "DEVICE": "cpu",
        "HOST": "127.0.0.1",
        "PRELOAD_MODEL": "demo",
        "CACHE_DIR": str(directory / "cache"),
        "TEMP_DIR": str(directory / "uploads"),
        **SHORTENED,
        **(settings or {}),
    }

    def config(port: int) -> Config:
        return sleeping_config(port, metrics_port, replicas, **deployment)

    with running_cell(chosen, config=config, replicas=replicas, cpus=10) as cell:
        yield SleepingCell(cell, journal, metrics_port)


def kill(pid: int) -> None:
    os.kill(pid, 9)


def wait_for_replicas(running: SleepingCell, count: int, seconds: float = 30) -> float:
    """Return after how many seconds so many replicas run and each has its figures."""
    return wait_until(lambda: len(running.pids()) == count and len(running.figures()) >= count, seconds)
