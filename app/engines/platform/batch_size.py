"""How many chunks Whisper decodes together on a GPU: as many as its free memory holds, up to a good number.

The figures are fitted to the peaks in benchmarks/results; a test holds them to be no less than those.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from app.engines.platform.device_plan import GPU_BATCH_SIZE, DevicePlan
from app.models.whisper_shapes import Shape

logger = logging.getLogger(__name__)

SPARE = 1.1
"""Free memory over the expected peak: another recording, another driver."""
_GIGABYTE = 1_000_000_000
_FRAMES = 1500
"""Of the encoder, for a chunk of 30 seconds."""
_LIBRARIES = 1_500_000_000
"""CUDA's contexts, an aligner and diarization."""
_WORK = 1_200_000_000
_WORK_PER_PARAMETER = 1.2
"""Bytes beside the chunks' own, in float16: the encoder's activations, and windows of diarization."""
_BYTES_PER_PARAMETER = {
    **dict.fromkeys(("int8", "int8_float16", "int8_bfloat16", "int8_float32"), 1),
    "float32": 4,
}
_COMPUTED_IN_32_BITS = frozenset({"float32", "int8", "int8_float32"})


@dataclass(frozen=True, slots=True)
class Load:
    """What a GPU is to hold: a model with aligner and diarization, and some requests at work with it."""

    model: str
    shape: Shape
    compute_type: str
    requests: int

    def peak_bytes(self, batch_size: int) -> int:
        """Return what is expected to be used of the card at most, with `batch_size` chunks together."""
        wide = 2 if self.compute_type in _COMPUTED_IN_32_BITS else 1
        activations = int(_WORK_PER_PARAMETER * self.shape.parameters) + batch_size * self._chunk_bytes
        return self._weights + _LIBRARIES + self.requests * (_WORK + wide * activations)

    def largest_batch(self, free_bytes: int) -> int:
        """Return how many chunks fit into `free_bytes` with something to spare; 0 if not even one does."""
        sizes = range(1, GPU_BATCH_SIZE + 1)
        return max((size for size in sizes if self.peak_bytes(size) * SPARE <= free_bytes), default=0)

    @property
    def _weights(self) -> int:
        return self.shape.parameters * _BYTES_PER_PARAMETER.get(self.compute_type, 2)

    @property
    def _chunk_bytes(self) -> int:
        """Return what one chunk takes in float16: the decoder's view of it in every layer, and attention."""
        keys_and_values = 2 * self.shape.decoder_layers * _FRAMES * self.shape.width
        attention = self.shape.heads * _FRAMES * _FRAMES
        return 2 * (keys_and_values + attention)


def fit_batch_size(
    plan: DevicePlan, model: str, shape: Shape, requests: int, free_memory: Callable[[], int]
) -> DevicePlan:
    """Return `plan` with the batch size that suits the memory that is free now; the log says why.

    Args:
        plan: with the batch size that suits its device in general, which is kept on a CPU.
        model: name of the model that requests use by default; others get the same batch size.
        shape: its own.
        requests: how many are worked on at the same time.
        free_memory: returns bytes; 0 where it is not known.
    """
    if plan.whisper != "cuda":
        logger.info("BATCH_SIZE: %d chunks together, which suits a CPU", plan.batch_size)
        return plan
    free = free_memory()
    if free == 0:
        logger.info("BATCH_SIZE: %d chunks together: the GPU tells of no free memory", plan.batch_size)
        return plan
    load = Load(model, shape, plan.compute_type, requests)
    size = load.largest_batch(free)
    _tell(load, max(1, size), free, fits=size > 0)
    return replace(plan, batch_size=max(1, size))


def _tell(load: Load, size: int, free: int, *, fits: bool) -> None:
    """Tell the operator what was chosen and why; what does not fit is a warning."""
    logger.log(
        logging.INFO if fits else logging.WARNING,
        "BATCH_SIZE: %d chunks together: %s in %s is expected to use %.1f GB, "
        "and %.1f GB of the GPU are free%s",
        size,
        load.model,
        load.compute_type,
        load.peak_bytes(size) / _GIGABYTE,
        free / _GIGABYTE,
        "" if fits else "; take a smaller model or COMPUTE_TYPE",
    )
