"""The memory of the machine, as opposed to that of the GPU: how glibc's allocator keeps it and gives it back.

Other C libraries are left alone. Parameters are those of mallopt(3).
"""

import ctypes
import functools
from collections.abc import Callable

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGEST_REUSED = 512 << 20
_MOST_KEPT = 1024 << 20


def keep_working_memory() -> None:
    """Let the batches of a stage use the same memory one after the other; call before threads are started.

    Left to itself, glibc takes every large block from the system and gives it back when it is freed, so that
    the system fills the same pages with zeros for every batch: a third of all processor time on a CPU. What
    a stage kept is given back at its end by `return_freed_memory`.
    """
    tune = _c_function("mallopt")
    if tune is not None:
        tune(_M_ARENA_MAX, 1)
        tune(_M_MMAP_THRESHOLD, _LARGEST_REUSED)
        tune(_M_TRIM_THRESHOLD, _MOST_KEPT)


def return_freed_memory() -> None:
    """Give freed memory back to the system; takes a few milliseconds."""
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


@functools.cache
def _c_function(name: str) -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
    return function
