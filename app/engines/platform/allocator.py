"""The memory of the machine, as opposed to that of the GPU: how glibc's allocator keeps it and gives it back.

Other C libraries are left alone. Parameters are those of mallopt(3).
"""

import ctypes
import functools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_LARGEST_REUSED = 512 << 20
_LARGEST_PROMISED = 32 << 20
"""What mallopt(3) names as the largest threshold; glibc 2.36 takes any."""
_MOST_KEPT = 1024 << 20

logger = logging.getLogger(__name__)


def keep_working_memory(tune: Callable[[int, int], int] | None = None) -> None:
    """Let the batches of a stage use the same memory one after the other; call before threads are started.

    Left to itself, glibc takes every large block from the system and gives it back when it is freed, so that
    the system fills the same pages with zeros for every batch: a third of all processor time on a CPU. What
    a stage kept is given back at its end by `return_freed_memory`.

    One arena serves all threads, however many slots and cores there are: any further one holds 64 MiB at most
    and takes larger blocks, such as the activations of a large model, from the system again. Its lock serves
    some three million blocks a second on two cores, and a slot asks for fifteen thousand.

    Args:
        tune: Called instead of mallopt.
    """
    tune = tune or _c_function("mallopt")
    if tune is None:
        return
    if not tune(_M_ARENA_MAX, 1):
        logger.info("the C library keeps memory per thread: stages need more of it")
    if not (tune(_M_MMAP_THRESHOLD, _LARGEST_REUSED) or tune(_M_MMAP_THRESHOLD, _LARGEST_PROMISED)):
        logger.info("the C library takes large blocks from the system anew each time: stages take longer")
    if not tune(_M_TRIM_THRESHOLD, _MOST_KEPT):
        logger.info("the C library gives freed memory back at once: stages take longer")


def return_freed_memory() -> None:
    """Give freed memory back to the system; takes a few milliseconds."""
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


def machine_memory(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Return the bytes of memory that this process may use: the machine's, or its container's if less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in _limit_files(proc, cgroups):
        try:
            limits.append(int(file.read_text()))
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
    return min(limit for limit in limits if limit > 0)


def _limit_files(proc: Path, cgroups: Path) -> Iterator[Path]:
    """Yield where the limits of this process' control groups may stand, of both versions of cgroups(7)."""
    try:
        lines = (proc / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (cgroups / "memory", "memory.limit_in_bytes") if controllers else (cgroups, "memory.max")
        place = root / group.lstrip("/")
        yield from (folder / name for folder in (place, *place.parents) if folder.is_relative_to(root))


@functools.cache
def _c_function(name: str) -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError, TypeError):
        return None
    return function
