"""What the memory policy tries, in which order, and how it knows that memory ran out."""

import gc
import weakref
from collections.abc import Callable

import pytest

from app.engines.failures import is_device_lost, is_out_of_memory
from app.engines.lending.memory_policy import load_with_memory_policy, run_with_memory_policy
from app.errors import EngineFailed, OutOfMemory


class OutOfMemoryError(RuntimeError):
    """Named as torch's, which these tests do not import."""


def wrapped(cause: Exception) -> Exception:
    try:
        try:
            raise cause
        except Exception as exc:
            raise EngineFailed("alignment") from exc
    except EngineFailed as exc:
        return exc


LACKS = [
    OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("CUDA failed with error out of memory"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
    MemoryError("batch_size (32) is probably too large"),
]


@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: f"{type(lack).__name__}: {str(lack)[:30]}")
def test_lack_of_memory_is_known_by_type_and_message(lack: Exception) -> None:
    assert is_out_of_memory(lack)
    assert is_out_of_memory(wrapped(lack))


@pytest.mark.parametrize(
    "other", [RuntimeError("shape mismatch"), ValueError("out of memory"), KeyError("x")]
)
def test_other_failures_are_not_taken_for_it(other: Exception) -> None:
    assert not is_out_of_memory(other)


def test_a_lost_device_is_known() -> None:
    assert is_device_lost(wrapped(RuntimeError("CUDA error: an illegal memory access was encountered")))
    assert not is_device_lost(LACKS[0])


def test_what_fits_at_once_runs_once() -> None:
    freed: list[None] = []
    assert run_with_memory_policy("stage", lambda size: size, 16, lambda: freed.append(None)) == 16
    assert freed == []


@pytest.mark.parametrize(
    ("fits", "tried"), [(8, [16, 8]), (1, [16, 8, 4, 2, 1]), (3, [16, 8, 4, 2])], ids=str
)
def test_the_batch_is_halved_until_it_fits(fits: int, tried: list[int]) -> None:
    sizes: list[int | str] = []

    def attempt(size: int) -> str:
        sizes.append(size)
        if size > fits:
            raise OutOfMemoryError("CUDA out of memory")
        return "done"

    assert run_with_memory_policy("stage", attempt, 16, lambda: sizes.append("free")) == "done"
    assert [size for size in sizes if size != "free"] == tried
    assert sizes.count("free") == len(tried) - 1
    assert sizes[1] == "free"


def never_fits(size: int = 0) -> str:
    raise RuntimeError("CUDA failed with error out of memory")


def test_the_cpu_is_the_last_resort() -> None:
    assert run_with_memory_policy("stage", never_fits, 4, lambda: None, lambda: "on the CPU") == "on the CPU"


@pytest.mark.parametrize("fallback", [None, never_fits])
def test_when_nothing_helps_the_error_is_typed(fallback: Callable[[], str] | None) -> None:
    with pytest.raises(OutOfMemory) as raised:
        run_with_memory_policy("diarization", never_fits, 2, lambda: None, fallback)
    assert raised.value.stage == "diarization"
    assert raised.value.retry_after_seconds > 0


def test_a_load_is_tried_once_more_and_not_spoken_of_as_a_batch(caplog: pytest.LogCaptureFixture) -> None:
    tried: list[str] = []

    def load() -> str:
        tried.append("load")
        if len(tried) == 1:
            raise MemoryError("the card is full")
        return "engine"

    assert load_with_memory_policy("loading whisper tiny", load, lambda: tried.append("free")) == "engine"
    assert tried == ["load", "free", "load"]
    assert "out of memory while loading whisper tiny: MemoryError: the card is full" in caplog.text
    assert "batch size" not in caplog.text
    with pytest.raises(OutOfMemory, match="loading whisper tiny"):
        load_with_memory_policy("loading whisper tiny", never_fits, lambda: None)


def test_other_failures_pass_and_are_not_tried_again() -> None:
    sizes: list[int] = []

    def attempt(size: int) -> None:
        sizes.append(size)
        raise EngineFailed("transcription")

    with pytest.raises(EngineFailed):
        run_with_memory_policy("transcription", attempt, 8, lambda: None, lambda: None)
    assert sizes == [8]


def test_the_failed_batch_is_gone_before_memory_is_freed() -> None:
    class Batch:
        """Stands for tensors, which live as long as a frame that names them."""

    alive: list[weakref.ref[Batch]] = []
    seen_at_free: list[bool] = []

    def attempt(size: int) -> str:
        batch = Batch()
        alive.append(weakref.ref(batch))
        if size > 1:
            raise OutOfMemoryError("CUDA out of memory")
        return "done"

    def free() -> None:
        gc.collect()
        seen_at_free.append(any(ref() is not None for ref in alive))

    assert run_with_memory_policy("stage", attempt, 2, free) == "done"
    assert seen_at_free == [False]
