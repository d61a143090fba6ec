"""The libraries' own lack of memory: on the host as it comes, on a GPU by filling it first."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from app.composition import build_catalogue, build_engine_stack, build_loader, build_plan, memory_budgets
from app.engines.failures import is_out_of_memory
from app.engines.interfaces import TranscriptionRequest
from app.engines.lending.memory_policy import run_with_memory_policy
from app.engines.platform.allocator import machine_memory
from app.errors import OutOfMemory
from app.settings.schema import Settings

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


def test_what_an_engine_takes_is_told_before_it_is_loaded_on_a_cpu_too(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, device="cpu", preload_model="demo", cache_dir=tmp_path)
    loader = build_loader(settings, build_plan(settings), show_progress=False)
    demo = build_catalogue(settings).resolve("demo")
    told: list[int] = []
    assert demo.aligner is not None
    assert demo.diarizer is not None
    sizes = [
        loader.transcriber(demo, "cpu", told.append).size_bytes,
        loader.aligner(demo.aligner, "en", "cpu", told.append).size_bytes,
        loader.diarizer(demo.diarizer, "cpu", told.append).size_bytes,
    ]
    assert told == sizes
    assert min(sizes) > 0
    assert loader.transcriber(demo, "cpu").size_bytes == (Path(demo.source) / "model.bin").stat().st_size // 2


def test_weights_have_a_budget_by_default_and_none_where_that_is_said(tmp_path: Path) -> None:
    machine = machine_memory()
    default = Settings(_env_file=None, device="cpu")
    plan = build_plan(default)
    assert memory_budgets(default, plan) == {"cuda": 0, "cpu": machine // 2}
    unlimited = Settings(_env_file=None, device="cpu", ram_budget_gb=0, vram_budget_gb=0)
    assert memory_budgets(unlimited, plan) == {"cuda": 0, "cpu": 0}
    said = Settings(_env_file=None, device="cpu", ram_budget_gb=1.5, vram_budget_gb=2)
    assert memory_budgets(said, plan) == {"cuda": 2_000_000_000, "cpu": 1_500_000_000}
    assert default.max_loaded_models > 0
    assert default.model_keep_alive_seconds is None, "an hour, but for what is loaded at start"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_default_budget_of_a_card_is_most_of_it() -> None:
    settings = Settings(_env_file=None, device="cuda")
    total = torch.cuda.get_device_properties(0).total_memory
    assert memory_budgets(settings, build_plan(settings))["cuda"] == pytest.approx(0.7 * total, rel=0.02)


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
    stack = build_engine_stack(settings)
    speech = np.random.default_rng(0).normal(0, 3000, 16000 * 20).astype(np.int16)

    def transcribe() -> None:
        with stack.engines.transcriber(stack.catalogue.resolve(), lambda: None) as lease:
            lease.run(lambda engine: engine.transcribe(speech, TranscriptionRequest(), lambda: None))

    if fallback:
        transcribe()
        assert {entry.key.device for entry in stack.pool.loaded()} >= {"cpu"}
    else:
        with pytest.raises(OutOfMemory):
            transcribe()
    filled_card.clear()
    torch.cuda.empty_cache()
    transcribe()
