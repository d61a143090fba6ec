"""The libraries' own lack of memory: on the host as it comes, on a GPU by filling it first."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from app.assembly import build_engine_room
from app.engines import TranscriptionRequest
from app.engines.memory import is_out_of_memory, run_with_memory_policy
from app.errors import OutOfMemory
from app.settings import Settings

PETABYTE = 1 << 50


def test_what_torch_raises_on_the_host_is_known() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(PETABYTE)
    assert is_out_of_memory(raised.value)


def test_what_numpy_raises_is_known() -> None:
    with pytest.raises(MemoryError) as raised:
        np.empty(PETABYTE)
    assert is_out_of_memory(raised.value)


def test_what_torch_raises_on_a_gpu_is_known() -> None:
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"))
    assert is_out_of_memory(torch.cuda.OutOfMemoryError("any words at all"))


def test_real_allocations_shrink_until_they_fit() -> None:
    sizes: list[int] = []

    def attempt(batch_size: int) -> int:
        sizes.append(batch_size)
        # One chunk fits, two need half a petabyte.
        return torch.empty((batch_size - 1) * (PETABYTE // 8) + 1, dtype=torch.uint8).numel()

    assert run_with_memory_policy("stage", attempt, 8, lambda: None) == 1
    assert sizes == [8, 4, 2, 1]


@pytest.fixture
def filled_card() -> Iterator[list[torch.Tensor]]:
    """A GPU with next to nothing left."""
    torch.cuda.empty_cache()
    blocks = []
    for megabytes in (1024, 64, 2):
        with suppress(torch.OutOfMemoryError):
            while True:
                blocks.append(torch.empty(megabytes * 2**20, dtype=torch.uint8, device="cuda"))
    yield blocks
    blocks.clear()
    torch.cuda.empty_cache()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("fallback", [True, False])
def test_a_full_card_ends_in_words_from_the_cpu_or_a_clear_refusal(
    fallback: bool, filled_card: list[torch.Tensor], tmp_path: Path
) -> None:
    settings = Settings(
        _env_file=None, device="cuda", preload_model="demo", cache_dir=tmp_path, oom_cpu_fallback=fallback
    )
    room = build_engine_room(settings)
    speech = np.random.default_rng(0).normal(0, 3000, 16000 * 20).astype(np.int16)

    def transcribe() -> None:
        with room.engines.transcriber(room.catalogue.resolve(), lambda: None) as transcriber:
            transcriber.transcribe(speech, TranscriptionRequest(), lambda: None)

    if fallback:
        transcribe()
        assert {entry.key.device for entry in room.pool.loaded()} >= {"cpu"}
    else:
        with pytest.raises(OutOfMemory):
            transcribe()
    filled_card.clear()
    torch.cuda.empty_cache()
    transcribe()
