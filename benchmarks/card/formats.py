"""Whether Whisper runs in each number format on this card, and whether it writes what the CPU writes."""

import time
from collections.abc import Iterator

from app.engines.failures import is_out_of_memory
from app.engines.interfaces import TranscriptionRequest
from app.engines.platform.device_plan import CPU_COMPUTE_TYPES, GPU_COMPUTE_TYPES
from benchmarks.card.engines import Choice, transcriber
from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from benchmarks.sounds import DEMO, meeting

CHUNK_SECONDS = 10.0
NAMES = frozenset({"auto", "default"})
"""Formats that stand for one of the others."""


def run(scale: Scale) -> Iterator[Figure]:
    """Yield for each number format the share of the words that are the CPU's in int8, with the bundle."""
    expected, _ = written("int8", "cpu", scale)
    every = GPU_COMPUTE_TYPES if scale.device == "cuda" else CPU_COMPUTE_TYPES
    formats = [each for each in every if each not in NAMES]
    for compute_type in formats[:1] if scale.quick else formats:
        yield compared(compute_type, expected, scale)


def compared(compute_type: str, expected: list[str], scale: Scale) -> Figure:
    """Return the share of equal words; none are where the format does not run."""
    name = f"Whisper in {compute_type}, words as on a CPU in int8"
    try:
        found, seconds = written(compute_type, scale.device, scale)
    except (RuntimeError, ValueError) as exc:
        if is_out_of_memory(exc):
            raise
        return Figure(name, 0.0, "%", f"DOES NOT RUN: {str(exc)[:200]}")
    same = sum(ours == theirs for ours, theirs in zip(found, expected, strict=False))
    note = f"{same} of {len(expected)}; first {seconds[0]:.2f} s, then {seconds[1]:.2f} s"
    return Figure(name, 100 * same / len(expected), "%", note)


def written(compute_type: str, device: str, scale: Scale) -> tuple[list[str], list[float]]:
    """Return the words that the bundle's Whisper writes, and the seconds of the first and the second time."""
    samples = meeting()[: int((10.0 if scale.quick else 70.0) * 16000)]
    engine = transcriber(
        DEMO / "whisper", Choice("demo", compute_type, 16), device, chunk_seconds=CHUNK_SECONDS
    )
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        heard = engine.transcribe(samples, TranscriptionRequest(language="en"), lambda: None)
        seconds.append(time.perf_counter() - began)
    engine.close()
    return " ".join(segment.text for segment in heard.segments).split(), seconds
