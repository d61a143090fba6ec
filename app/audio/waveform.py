"""The samples that every stage works on."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
"""Samples per second of every waveform in the service."""

Waveform: TypeAlias = NDArray[np.int16]
"""Mono samples, shape (samples,), at SAMPLE_RATE.

They stay as ffmpeg delivers them, 115 MB per hour; networks get `to_float32` of the stretch they work on.
"""


def to_float32(samples: Waveform) -> NDArray[np.float32]:
    """Return `samples`, of any shape, as float32 from -1 to 1."""
    return np.multiply(samples, np.float32(1 / 32768))
