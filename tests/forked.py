"""Processes that begin as a fork of a template, which has imported everything: a start without those seconds.

They are processes of their own, with their own signals, threads, sockets and exit status. That a service
comes up from nothing is shown where it is started as an operator starts it, as in tests/hub and tests/docs.
"""

import faulthandler
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

TEMPLATE = "tests.imported_engines"
"""What the template imports."""


@dataclass(frozen=True)
class ForkedProcess:
    """A running fork, with what tests use of subprocess.Popen."""

    pid: int
    join: Callable[[float], None]
    poll: Callable[[], int | None]
    """Return the exit status, or None while it runs."""

    def wait(self, timeout: float) -> int:
        """Return the exit status; negative: the signal that ended it."""
        self.join(timeout)
        status = self.poll()
        if status is None:
            raise subprocess.TimeoutExpired("a forked process", timeout)
        return status

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_forked(
    run: Callable[..., object],
    *arguments: str,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
) -> ForkedProcess:
    """Call `run`, a function of a module, in a process with this environment, directory and log."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload([TEMPLATE])
    begun = forks.Process(
        target=_begin, args=(run, arguments, dict(environment), directory, log), daemon=True
    )
    begun.start()
    assert begun.pid is not None
    return ForkedProcess(begun.pid, begun.join, lambda: begun.exitcode)


def _begin(
    run: Callable[..., object],
    arguments: tuple[str, ...],
    environment: dict[str, str],
    directory: Path,
    log: Path,
) -> None:
    from tests.imported_engines import ENVIRONMENT

    _print_to(log)
    faulthandler.enable()
    os.environ.clear()
    os.environ.update(ENVIRONMENT | environment)
    os.chdir(directory)
    sys.exit(run(*arguments))


def _print_to(log: Path) -> None:
    """Let standard output and error of this process, whoever writes to them, go to `log`."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        os.dup2(descriptor, stream.fileno())
    os.close(descriptor)
