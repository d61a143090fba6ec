"""The GPU as a whole: whether there is one, how much memory it has free, and giving back cached memory."""

import ctypes
import gc
import importlib.metadata
import sys

_NO_ERROR = 0


def gpu_is_usable() -> bool:
    """Return whether the driver shows a GPU and the installed torch was built to use it.

    Asks the driver itself, which takes milliseconds, since importing torch takes seconds.
    """
    if "+cpu" in importlib.metadata.version("torch"):
        return False
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    if driver.cuInit(0) != _NO_ERROR or driver.cuDeviceGetCount(ctypes.byref(count)) != _NO_ERROR:
        return False
    return count.value > 0


def release_cached_memory() -> None:
    """Give memory that torch keeps for later back to the GPU; costs nothing where torch is not imported."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def gpu_memory() -> tuple[int, int] | None:
    """Return used and total bytes of the GPU, all processes counted; None before torch uses it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    return int(total - free), int(total)
