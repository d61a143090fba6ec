"""How many chunks are decoded together on a GPU: by what is free and what was measured; the log says it."""

import json
import logging
import re
from ctypes import c_ulonglong
from pathlib import Path
from typing import Any

import pytest

from app.composition import build_engine_stack
from app.engines.platform.batch_size import SPARE, Load, fit_batch_size
from app.engines.platform.device_plan import DevicePlan
from app.engines.platform.gpu import free_bytes
from app.models.known_models import WHISPER_REPOSITORIES
from app.models.whisper_shapes import SHAPES, shape_of
from app.settings.schema import Settings

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "nvidia-h100-80gb-hbm3.json"
PEAK = re.compile(r"peak with all three engines, (\S+) (\S+), batch (\d+)")
GB = 1_000_000_000


def load(model: str = "large", compute_type: str = "float16", requests: int = 1) -> Load:
    return Load(model, SHAPES[model], compute_type, requests)


def peaks() -> list[tuple[str, str, int, float]]:
    rows = json.loads(RESULTS.read_text())["memory"]["results"]
    found = [(PEAK.fullmatch(row["name"]), row["value"]) for row in rows]
    return [(name[1], name[2], int(name[3]), value) for name, value in found if name]


@pytest.mark.parametrize(("model", "compute_type", "batch_size", "measured"), peaks())
def test_what_is_expected_is_what_was_measured_or_somewhat_more(
    model: str, compute_type: str, batch_size: int, measured: float
) -> None:
    expected = load(model.removesuffix("-v3"), compute_type).peak_bytes(batch_size) / GB
    assert measured <= expected <= 1.3 * measured


@pytest.mark.parametrize(
    ("free_gb", "model", "compute_type", "expected"),
    [
        (79.0, "large", "float16", 16),
        (15.5, "large", "float16", 16),
        (11.5, "large", "float16", 8),
        (7.7, "large", "int8_float16", 2),
        (5.7, "turbo", "int8_float16", 5),
        (3.8, "large", "float16", 0),
    ],
)
def test_as_many_as_fit_with_a_tenth_to_spare(
    free_gb: float, model: str, compute_type: str, expected: int
) -> None:
    size = load(model, compute_type).largest_batch(int(free_gb * GB))
    assert size == expected
    if size:
        assert load(model, compute_type).peak_bytes(size) * SPARE <= free_gb * GB


def test_wider_numbers_and_more_requests_leave_room_for_fewer() -> None:
    free = 20 * GB
    assert load("large", "float32").largest_batch(free) < load("large", "float16").largest_batch(free)
    assert load("large", requests=2).largest_batch(free) < load("large").largest_batch(free)


def fitted(free: int, caplog: pytest.LogCaptureFixture, device: str = "cuda") -> tuple[int, str, str]:
    """Return the batch size, and level and words of the log."""
    plan = DevicePlan(device, device, device, "float16" if device == "cuda" else "int8", 2)
    with caplog.at_level(logging.INFO, "app.engines.platform.batch_size"):
        chosen = fit_batch_size(plan, "large-v3", SHAPES["large"], 1, lambda: free)
    (line,) = caplog.records
    return chosen.batch_size, line.levelname, line.getMessage()


def test_the_log_says_what_was_taken_and_why(caplog: pytest.LogCaptureFixture) -> None:
    size, level, words = fitted(int(11.5 * GB), caplog)
    assert (size, level) == (8, "INFO")
    assert re.fullmatch(
        r"BATCH_SIZE: 8 chunks together: large-v3 in float16 is expected to use 10\.\d GB, "
        r"and 11\.5 GB of the GPU are free",
        words,
    )


def test_a_card_too_small_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    size, level, words = fitted(4 * GB, caplog)
    assert (size, level) == (1, "WARNING")
    assert words.endswith("4.0 GB of the GPU are free; take a smaller model or COMPUTE_TYPE")


def test_what_is_not_known_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert fitted(0, caplog)[:2] == (2, "INFO")


def test_a_cpu_has_its_own_number(caplog: pytest.LogCaptureFixture) -> None:
    assert fitted(80 * GB, caplog, "cpu") == (2, "INFO", "BATCH_SIZE: 2 chunks together, which suits a CPU")


@pytest.mark.parametrize(("written", "read"), [("auto", None), ("AUTO", None), ("", None), ("3", 3)])
def test_auto_is_another_word_for_unset(
    written: str, read: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_SIZE", written)
    assert Settings(_env_file=None).batch_size == read  # type: ignore[call-arg]


def test_the_start_of_the_service_chooses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def start(**chosen: Any) -> int:
        settings = Settings(_env_file=None, device="cpu", preload_model="demo", cache_dir=tmp_path, **chosen)  # type: ignore[call-arg]
        return build_engine_stack(settings).plan.batch_size

    with caplog.at_level(logging.INFO, "app.engines.platform.batch_size"):
        assert start(batch_size=7) == 7
        assert not caplog.records
        assert start() == 2
    assert "which suits a CPU" in caplog.text


@pytest.mark.parametrize("repository", WHISPER_REPOSITORIES.items())
def test_every_known_model_has_a_shape(repository: tuple[str, str]) -> None:
    name, source = repository
    size = "turbo" if name.endswith("turbo") else re.sub(r"(\.en|-v[\d.]+)$", "", name)
    assert shape_of(source, None) == SHAPES[size]


def test_other_models_are_told_by_their_size_on_disk() -> None:
    assert shape_of("/models/mine", 2 * 240_000_000) == SHAPES["small"]
    assert shape_of("/models/mine", 2 * 30_000_000) == SHAPES["tiny"]
    assert shape_of("/models/mine", 20 * GB) == SHAPES["large"]
    assert shape_of("owner/unknown", None) == SHAPES["large"]


class FakeDriver:
    """CUDA and NVML in one, with `free` bytes; what is in `broken` answers with an error."""

    def __init__(self, free: int, broken: str = "") -> None:
        self.free, self.broken = free, broken
        self.address = b""

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self._answer(name, *arguments)

    def _answer(self, name: str, *arguments: Any) -> int:
        if name == "cuDeviceGetPCIBusId":
            arguments[0].value = b"0000:65:00.0"
        elif name == "nvmlDeviceGetHandleByPciBusId_v2":
            self.address = arguments[0].value
        elif name == "nvmlDeviceGetMemoryInfo":
            arguments[1]._obj.free = c_ulonglong(self.free).value
        return 999 if name == self.broken else 0


def test_free_memory_is_that_of_the_card_that_is_used() -> None:
    """Both libraries count cards in an order of their own: they are matched by their place on the bus."""
    machine = FakeDriver(5 * GB)
    assert free_bytes(machine, machine) == 5 * GB
    assert machine.address == b"0000:65:00.0"


@pytest.mark.parametrize(
    "broken", ["cuDeviceGet", "cuDeviceGetPCIBusId", "nvmlInit_v2", "nvmlDeviceGetMemoryInfo"]
)
def test_a_library_that_fails_tells_nothing(broken: str) -> None:
    machine = FakeDriver(5 * GB, broken)
    assert free_bytes(machine, machine) == 0
