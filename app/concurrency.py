"""Two pieces of work at the same time, of which neither outlives the failure of the other."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from app.checkpoint import Checkpoint
from app.errors import StageCancelled

T = TypeVar("T")
U = TypeVar("U")


def run_concurrently(
    first: Callable[[Checkpoint], T], second: Callable[[Checkpoint], U], checkpoint: Checkpoint
) -> tuple[T, U]:
    """Run both at once and return both results; a failure of either stops the other at its next checkpoint.

    Raises:
        BaseException: what the one that failed first has raised.
    """
    failed = threading.Event()

    def guarded() -> None:
        if failed.is_set():
            raise StageCancelled
        checkpoint()

    with ThreadPoolExecutor(1, thread_name_prefix="diarize") as executor:
        future = executor.submit(copy_context().run, _failing_aloud(second, failed), guarded)
        try:
            one = _failing_aloud(first, failed)(guarded)
        except StageCancelled:
            future.result()
            raise
        return one, future.result()


def _failing_aloud(work: Callable[[Checkpoint], T], failed: threading.Event) -> Callable[[Checkpoint], T]:
    """Return `work` that sets `failed` when it raises anything."""

    def run(checkpoint: Checkpoint) -> T:
        try:
            return work(checkpoint)
        except BaseException:
            failed.set()
            raise

    return run
