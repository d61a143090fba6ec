"""Where each stage runs and in which number format: worked out and checked once, at start."""

from collections.abc import Callable
from dataclasses import dataclass

from app.errors import InvalidSettings

CPU_COMPUTE_TYPES = ("auto", "default", "int8", "int8_float32", "int16", "float32")
GPU_COMPUTE_TYPES = (
    "auto",
    "default",
    "float16",
    "bfloat16",
    "float32",
    "int8",
    "int8_float16",
    "int8_bfloat16",
    "int8_float32",
)


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """Devices are "cuda" or "cpu"."""

    whisper: str
    align: str
    diarize: str
    compute_type: str
    """CTranslate2's name of the number format that Whisper computes in."""
    batch_size: int
    """Whisper chunks decoded together."""

    @property
    def uses_gpu(self) -> bool:
        """Whether any stage runs on a GPU."""
        return "cuda" in (self.whisper, self.align, self.diarize)


CPU_BATCH_SIZE = 2
GPU_BATCH_SIZE = 16
CPU_SEGMENTATION_WINDOWS = 8
CPU_EMBEDDING_WINDOWS = 2
GPU_WINDOWS = 32
CPU_COMPUTE_TYPE = "int8"
GPU_COMPUTE_TYPE = "float16"


def plan_devices(
    *,
    device: str,
    align_device: str,
    diarize_device: str,
    compute_type: str | None,
    batch_size: int | None,
    align_precision: str,
    diarize_precision: str,
    gpu_is_usable: Callable[[], bool],
) -> DevicePlan:
    """Return where every stage runs; "auto" stands for the GPU where one is usable.

    Raises:
        InvalidSettings: a device that is not there, or a number format that its device cannot compute in.
    """
    whisper = _choose("DEVICE", device, None, gpu_is_usable)
    align = _choose("ALIGN_DEVICE", align_device, whisper, gpu_is_usable)
    diarize = _choose("DIARIZE_DEVICE", diarize_device, whisper, gpu_is_usable)
    on_gpu = whisper == "cuda"
    number_format = compute_type or (GPU_COMPUTE_TYPE if on_gpu else CPU_COMPUTE_TYPE)
    allowed = GPU_COMPUTE_TYPES if on_gpu else CPU_COMPUTE_TYPES
    if number_format not in allowed:
        why = (
            "a CPU cannot compute in it"
            if number_format in GPU_COMPUTE_TYPES
            else "CTranslate2 has no such number format"
        )
        found = " (DEVICE=auto found no usable GPU)" if device == "auto" and not on_gpu else ""
        raise InvalidSettings(
            f"COMPUTE_TYPE={number_format} does not go with a {whisper} device{found}: {why}; "
            f"use one of {', '.join(allowed)}"
        )
    for setting, where, precision in (
        ("ALIGN_PRECISION", align, align_precision),
        ("DIARIZE_PRECISION", diarize, diarize_precision),
    ):
        if where == "cpu" and precision == "float16":
            raise InvalidSettings(
                f"{setting}=float16 does not go with a cpu device: use auto, float32 or bfloat16"
            )
    default_batch_size = GPU_BATCH_SIZE if on_gpu else CPU_BATCH_SIZE
    return DevicePlan(whisper, align, diarize, number_format, batch_size or default_batch_size)


def segmentation_windows(asked: int | None, device: str) -> int:
    """Return how many windows are searched for speech or speakers together if nobody `asked` for a number.

    On a CPU more than a few take memory and gain little time.
    """
    return asked or (GPU_WINDOWS if device == "cuda" else CPU_SEGMENTATION_WINDOWS)


def embedding_windows(asked: int | None, device: str) -> int:
    """Return how many windows' voices are described together if nobody `asked` for a number."""
    return asked or (GPU_WINDOWS if device == "cuda" else CPU_EMBEDDING_WINDOWS)


def _choose(setting: str, wanted: str, follow: str | None, gpu_is_usable: Callable[[], bool]) -> str:
    if wanted == "auto":
        return follow or ("cuda" if gpu_is_usable() else "cpu")
    if wanted == "cuda" and not gpu_is_usable():
        raise InvalidSettings(
            f"{setting}=cuda, but no usable NVIDIA GPU is seen: check nvidia-smi, and that a container was "
            f"started with GPU access (--gpus all); or set {setting}=cpu"
        )
    return wanted
