"""Where the stages run, and which settings are refused at start."""

from typing import Any

import pytest

from app.engines.platform.device_plan import (
    DevicePlan,
    embedding_windows,
    plan_devices,
    segmentation_windows,
)
from app.errors import InvalidSettings


def plan(gpu: bool, **settings: Any) -> DevicePlan:
    asked = {
        "device": "auto",
        "align_device": "auto",
        "diarize_device": "auto",
        "compute_type": None,
        "batch_size": None,
        "align_precision": "auto",
        "diarize_precision": "auto",
        **settings,
    }
    return plan_devices(**asked, gpu_is_usable=lambda: gpu)


def test_defaults_follow_the_device() -> None:
    assert plan(gpu=True) == DevicePlan("cuda", "cuda", "cuda", "float16", 16)
    assert plan(gpu=False) == DevicePlan("cpu", "cpu", "cpu", "int8", 2)


def test_each_stage_may_have_its_own_device() -> None:
    chosen = plan(
        gpu=True, align_device="cpu", diarize_device="cuda", batch_size=3, compute_type="int8_float16"
    )
    assert chosen == DevicePlan("cuda", "cpu", "cuda", "int8_float16", 3)
    assert plan(gpu=True, device="cpu") == DevicePlan("cpu", "cpu", "cpu", "int8", 2)
    assert plan(gpu=True, device="cpu", diarize_device="cuda").uses_gpu


def test_windows_per_step_follow_the_device_unless_asked_for() -> None:
    assert [segmentation_windows(None, device) for device in ("cuda", "cpu")] == [32, 8]
    assert [embedding_windows(None, device) for device in ("cuda", "cpu")] == [32, 2]
    for windows in (segmentation_windows, embedding_windows):
        assert [windows(5, device) for device in ("cuda", "cpu")] == [5, 5]


@pytest.mark.parametrize(
    ("gpu", "settings", "words"),
    [
        (False, {"compute_type": "float16"}, ["COMPUTE_TYPE=float16", "cpu", "found no usable GPU", "int8"]),
        (True, {"device": "cpu", "compute_type": "int8_float16"}, ["COMPUTE_TYPE=int8_float16", "cpu"]),
        (True, {"compute_type": "float12"}, ["float12", "no such number format"]),
        (False, {"device": "cuda"}, ["DEVICE=cuda", "nvidia-smi"]),
        (False, {"align_device": "cuda"}, ["ALIGN_DEVICE=cuda"]),
        (False, {"diarize_device": "cuda"}, ["DIARIZE_DEVICE=cuda"]),
        (False, {"align_precision": "float16"}, ["ALIGN_PRECISION=float16"]),
        (False, {"diarize_precision": "float16"}, ["DIARIZE_PRECISION=float16"]),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(
    gpu: bool, settings: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        plan(gpu=gpu, **settings)
    assert all(word in str(refused.value) for word in words)
