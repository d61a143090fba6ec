"""Who is active in which frame of which window, a bit each: an hour has millions of such states."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_BLOCK = 512
"""Windows unpacked at once."""


@dataclass(frozen=True, slots=True)
class SpeakerActivity:
    """Zeros and ones (windows, frames, speakers), packed into bits."""

    bits: NDArray[np.uint8]
    """Eight frames in a byte: (windows, frames / 8 rounded up, speakers)."""
    frames: int
    """Frames in a window."""

    @classmethod
    def pack(cls, states: NDArray[Any]) -> "SpeakerActivity":
        """Pack `states` (windows, frames, speakers), active where they are not 0."""
        return cls(np.packbits(states != 0, axis=1), states.shape[1])

    @classmethod
    def concatenate(cls, parts: "list[SpeakerActivity]") -> "SpeakerActivity":
        """Return `parts`, of which there must be one at least, one after the other."""
        return cls(np.concatenate([part.bits for part in parts]), parts[0].frames)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Windows, frames, speakers."""
        windows, _, speakers = self.bits.shape
        return windows, self.frames, speakers

    def __len__(self) -> int:
        return len(self.bits)

    def __getitem__(self, windows: "slice | NDArray[np.int64]") -> NDArray[np.uint8]:
        """Return the states of `windows` (windows, frames, speakers)."""
        return np.unpackbits(self.bits[windows], axis=1, count=self.frames)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the states (frames, speakers) of one window after the other."""
        for start in range(0, len(self), _BLOCK):
            yield from self[start : start + _BLOCK]

    def active_speakers(self) -> NDArray[np.bool_]:
        """Return who is active at all in each window, (windows, speakers)."""
        speaking: NDArray[np.bool_] = np.any(self.bits, axis=1)
        return speaking
