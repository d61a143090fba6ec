"""The memory of the machine, as opposed to that of the GPU."""

import ctypes
import functools
from collections.abc import Callable


def return_freed_memory() -> None:
    """Give freed memory back to the system; takes a few milliseconds.

    glibc keeps what was freed between blocks that live on, so that the working memory of one stage would
    still count while the next one runs. Other C libraries are left alone.
    """
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return trim
