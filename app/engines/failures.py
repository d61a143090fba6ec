"""What an engine's failure says: that memory ran out, that the GPU is lost, or what becomes of it.

Failures are known by type and message alone, so that no engine library need be imported: torch raises
OutOfMemoryError, CTranslate2 a RuntimeError, the host's allocator a MemoryError.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import AsrError, EngineFailed, OutOfMemory, StageCancelled, causes

_MEMORY_WORDS = (
    "out of memory",
    "failed to allocate",
    "can't allocate memory",
    "cannot allocate memory",
    "std::bad_alloc",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudaerrormemoryallocation",
)
_LOST_DEVICE_WORDS = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction was encountered",
    "uncorrectable ecc error",
    "gpu has fallen off the bus",
)


@contextmanager
def engine_errors(stage: str) -> Iterator[None]:
    """Turn what breaks inside into EngineFailed(`stage`); ours and out-of-memory pass as they are.

    Out of memory stays raw because the caller may try again with a smaller batch.

    Raises:
        EngineFailed: anything unforeseen, with its cause chained.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, AsrError) or is_out_of_memory(error):
            raise
        raise EngineFailed(stage) from error


def is_engine_failure(failure: BaseException) -> bool:
    """Return whether a run's `failure` says something of the engine, not of the request, client or time."""
    foreign = not isinstance(failure, (AsrError, StageCancelled))
    return foreign or isinstance(failure, (EngineFailed, OutOfMemory))


def is_out_of_memory(exc: BaseException) -> bool:
    """Return whether `exc`, or what caused it, says that host or device memory ran out."""
    return any(_says_out_of_memory(link) for link in causes(exc))


def is_device_lost(exc: BaseException) -> bool:
    """Return whether `exc`, or what caused it, leaves the GPU unusable for the rest of this process."""
    return any(_says(link, _LOST_DEVICE_WORDS) for link in causes(exc))


def _says_out_of_memory(exc: BaseException) -> bool:
    by_type = isinstance(exc, (MemoryError, OutOfMemory)) or type(exc).__name__ == "OutOfMemoryError"
    return by_type or _says(exc, _MEMORY_WORDS)


def _says(exc: BaseException, phrases: tuple[str, ...]) -> bool:
    """Return whether the message of `exc`, a RuntimeError, holds one of `phrases`."""
    return isinstance(exc, RuntimeError) and any(phrase in str(exc).lower() for phrase in phrases)
