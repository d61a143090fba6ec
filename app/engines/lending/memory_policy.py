"""What happens when a stage runs out of memory: free, halve, fall back to the CPU, and only then give up."""

import logging
from collections.abc import Callable, Iterator
from typing import TypeVar

from app.engines.failures import is_out_of_memory
from app.errors import OutOfMemory, causes

logger = logging.getLogger(__name__)

T = TypeVar("T")


def run_with_memory_policy(
    stage: str,
    attempt: Callable[[int], T],
    batch_size: int,
    free: Callable[[], None],
    cpu_fallback: Callable[[], T] | None = None,
) -> T:
    """Return `attempt(batch_size)`, after running out of memory with half of it, and so on down to one.

    `free` releases caches and idle models before each new try; `cpu_fallback`, where allowed, comes last.

    Raises:
        OutOfMemory: memory did not suffice on any of these.
        Exception: whatever else `attempt` or `cpu_fallback` raises.
    """
    cause = _Cause()
    for size in _halving(batch_size):
        with cause:
            return attempt(size)
        logger.warning("out of memory in %s with batch size %d: %s", stage, size, cause.text)
        # Only here, outside the handler: the exception's traceback keeps the failed batch alive.
        free()
    if cpu_fallback is not None:
        logger.warning("%s goes on on the CPU", stage)
        with cause:
            return cpu_fallback()
        free()
    logger.error("out of memory in %s, nothing left to try: %s", stage, cause.text)
    raise OutOfMemory(stage)


def load_with_memory_policy(what: str, load: Callable[[], T], free: Callable[[], None]) -> T:
    """Return `load()`, tried a second time after `free` if memory ran out.

    Raises:
        OutOfMemory: it ran out again.
        Exception: whatever else `load` raises.
    """
    cause = _Cause()
    for _ in range(2):
        with cause:
            return load()
        logger.warning("out of memory while %s: %s", what, cause.text)
        free()
    raise OutOfMemory(what)


class _Cause:
    """Swallows out-of-memory errors and keeps their text, never the exception with the frames it holds."""

    text = ""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, exc: BaseException | None, frames: object) -> bool:
        if exc is None or not is_out_of_memory(exc):
            return False
        self.text = " <- ".join(f"{type(link).__name__}: {link}" for link in causes(exc))
        return True


def _halving(batch_size: int) -> Iterator[int]:
    size = max(1, batch_size)
    while size > 1:
        yield size
        size //= 2
    yield 1
