"""A buffer of samples that grows without being copied and costs only the pages it has used."""

import mmap
import sys

import numpy as np
from numpy.typing import NDArray

SAMPLE_BYTES = 2
_FIRST_SAMPLES = 1 << 20


class SampleBuffer:
    """Collects s16le bytes as 16-bit samples.

    The memory is an anonymous private mapping: on Linux it grows by moving pages, not bytes, and it goes
    back to the system as soon as the last array over it is gone.
    """

    def __init__(self, max_samples: int, expected: int = 0) -> None:
        self._max_samples = max_samples
        self._capacity = max(1, min(max_samples, expected or _FIRST_SAMPLES))
        self._memory = _private_mapping(self._capacity * SAMPLE_BYTES)
        self._half_sample = b""
        self.samples = 0

    def append_s16(self, block: bytes) -> bool:
        """Add the samples of `block`; False, with nothing added, if they would exceed the maximum."""
        if self._half_sample:
            block = self._half_sample + block
        count = len(block) // SAMPLE_BYTES
        usable = count * SAMPLE_BYTES
        if self.samples + count > self._max_samples:
            return False
        self._half_sample = block[usable:]
        self._reserve(self.samples + count)
        target = np.frombuffer(self._memory, np.int16, count, self.samples * SAMPLE_BYTES)
        target[:] = np.frombuffer(block, "<i2", count)
        self.samples += count
        return True

    def append_silence(self, samples: int) -> bool:
        """Add zeros; False, with nothing added, if they would exceed the maximum."""
        if self.samples + samples > self._max_samples:
            return False
        self._half_sample = b""
        self._reserve(self.samples + samples)
        np.frombuffer(self._memory, np.int16, samples, self.samples * SAMPLE_BYTES)[:] = 0
        self.samples += samples
        return True

    def truncate(self, samples: int) -> None:
        """Give up what lies behind the first `samples`."""
        self._half_sample = b""
        self.samples = min(self.samples, samples)

    def finish(self) -> NDArray[np.int16]:
        """Return all samples (samples,) without copying them; the buffer must not be used after."""
        return np.frombuffer(self._memory, np.int16, self.samples)

    def _reserve(self, samples: int) -> None:
        if samples <= self._capacity:
            return
        self._capacity = min(self._max_samples, max(samples, 2 * self._capacity))
        size = self._capacity * SAMPLE_BYTES
        if sys.platform == "linux":
            self._memory.resize(size)
        else:
            grown = _private_mapping(size)
            grown[: len(self._memory)] = self._memory[:]
            self._memory = grown


def _private_mapping(size: int) -> mmap.mmap:
    return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
