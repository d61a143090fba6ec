"""Imports the engines' libraries without stopping the rest of the process for long.

An import can hold the interpreter's lock for most of a second, and for that time /health does not answer:
while the system maps and initialises gigabytes of torch's native code, and whenever the garbage collector
walks the million objects that such libraries are made of.

CTranslate2 comes before torch, each with the OpenMP library of its own wheel. torch shows its OpenMP to all
that is loaded later; if CTranslate2 took that one, OpenMP would count the threads of both, find more of them
than processors, and let every thread sleep and wake at every operation: half the speed on a CPU.
"""

import ctypes
import gc
import importlib
import importlib.util
import os
import sys
from pathlib import Path

_NATIVE_LIBRARIES = (
    # As torch does it: what others need of these must be visible to all.
    ("libtorch_global_deps.so", os.RTLD_NOW | os.RTLD_GLOBAL),
    ("libtorch_cpu.so", os.RTLD_NOW | os.RTLD_LOCAL),
    ("libtorch_cuda.so", os.RTLD_NOW | os.RTLD_LOCAL),
)
_KERNEL_CACHES = ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY")
"""Where torch and its oneDNN look, when they are loaded, for how many shapes of input to keep kernels."""
_KEPT_KERNELS = 64
_SPINS = 1000
"""How often a thread of OpenMP looks for the others before it sleeps: some ten microseconds."""
_ENGINES = (
    "app.engines.whisper.transcriber",
    "app.engines.alignment.aligner",
    "app.engines.diarization.diarizer",
)


def import_engine_libraries() -> None:
    """Import every engine module, once; later calls return at once."""
    if all(name in sys.modules for name in _ENGINES):
        return
    gc.disable()
    try:
        _bound_kernel_caches()
        _bound_spinning()
        importlib.import_module("ctranslate2")
        _open_native_libraries()
        for name in _ENGINES:
            importlib.import_module(name)
        # What the libraries are made of stays for ever: the collector need never look at it again.
        gc.freeze()
    finally:
        gc.enable()


def _bound_kernel_caches() -> None:
    """Keep the kernels that a network uses again and again, not those of every length of speech ever aligned.

    By default each cache has room for 1,024 shapes: hundreds of megabytes, filled by one recording after the
    other. No network here needs more than a few dozen for inputs of one shape.
    """
    for name in _KERNEL_CACHES:
        os.environ.setdefault(name, str(_KEPT_KERNELS))


def _bound_spinning() -> None:
    """Let threads that wait for each other sleep soon, unless the operator says otherwise.

    By default they look for 3 ms, many times per network layer. That gains nothing where each thread has a
    processor of its own, and where other programs need processors too it keeps the awaited thread from
    running: two services on two cores took sixty times as long as one, and now take a little over twice.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", str(_SPINS))


def _open_native_libraries() -> None:
    """Open torch's libraries by a foreign call, which runs without the lock; the import then finds them open.

    What cannot be opened is left to the import, which says why.
    """
    found = importlib.util.find_spec("torch") if "torch" not in sys.modules else None
    if found is None or found.origin is None:
        return
    system = ctypes.CDLL(None)
    system.dlopen.restype = ctypes.c_void_p
    system.dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    for name, mode in _NATIVE_LIBRARIES:
        library = Path(found.origin).parent / "lib" / name
        if library.is_file():
            system.dlopen(os.fsencode(library), mode)
