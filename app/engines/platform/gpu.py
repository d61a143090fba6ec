"""The GPU as a whole: whether there is one, and how much memory it has and uses."""

import ctypes
import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any

_NO_ERROR = 0


def gpu_is_usable() -> bool:
    """Return whether the driver shows a GPU and the installed torch was built to use it.

    Asks the driver itself, which takes milliseconds, since importing torch takes seconds.
    """
    return _driver() is not None


def gpu_size() -> int:
    """Return the bytes of the first GPU's memory; 0 where none is usable."""
    driver, device, size = _driver(), ctypes.c_int(0), ctypes.c_size_t(0)
    if driver is None or driver.cuDeviceGet(ctypes.byref(device), 0) != _NO_ERROR:
        return 0
    return size.value if driver.cuDeviceTotalMem_v2(ctypes.byref(size), device) == _NO_ERROR else 0


def gpu_free() -> int:
    """Return the bytes of the first GPU's memory that nobody uses; 0 where none is usable.

    NVIDIA's management library tells them without a context of our own, which would use some itself. Where
    that library is missing, all of the memory counts as free.
    """
    driver, size = _driver(), gpu_size()
    if driver is None or size == 0:
        return 0
    try:
        management = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return size
    return min(size, free_bytes(driver, management) or size)


def free_bytes(driver: Any, management: Any) -> int:
    """Return what `management` (NVML) says is free on the first GPU of `driver` (CUDA); 0 if it does not."""
    device, address = ctypes.c_int(0), ctypes.create_string_buffer(32)
    handle, memory = ctypes.c_void_p(), _Memory()
    asked: tuple[Callable[[], int], ...] = (
        lambda: driver.cuDeviceGet(ctypes.byref(device), 0),
        lambda: driver.cuDeviceGetPCIBusId(address, len(address), device),
        lambda: management.nvmlInit_v2(),
        lambda: management.nvmlDeviceGetHandleByPciBusId_v2(address, ctypes.byref(handle)),
        lambda: management.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)),
    )
    return int(memory.free) if all(ask() == _NO_ERROR for ask in asked) else 0


class _Memory(ctypes.Structure):
    """NVML's nvmlMemory_t."""

    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def _driver() -> ctypes.CDLL | None:
    if "+cpu" in importlib.metadata.version("torch"):
        return None
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    count = ctypes.c_int(0)
    if driver.cuInit(0) != _NO_ERROR or driver.cuDeviceGetCount(ctypes.byref(count)) != _NO_ERROR:
        return None
    return driver if count.value > 0 else None


def gpu_memory() -> tuple[int, int] | None:
    """Return used and total bytes of the GPU, all processes counted; None before torch uses it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    free, total = torch.cuda.mem_get_info()
    return int(total - free), int(total)
