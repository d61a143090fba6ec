"""Silero's voice activity network, out of the faster-whisper wheel: quick, and deaf to music."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.engines.platform.libraries import whisper_vad
from app.engines.whisper.levels import evened
from app.transcript import Seconds

FRAME_SAMPLES = 512
FRAME: Seconds = FRAME_SAMPLES / SAMPLE_RATE
"""The network looks at 32 ms at a time."""
BLOCK_FRAMES = 1875
"""A minute, heard at once."""
_CONTEXT_SAMPLES = 64
"""Samples before a frame that the network sees with it."""


class Silero:
    """Tells how surely somebody speaks in each frame; usable from several threads at once."""

    def __init__(self) -> None:
        self._session = whisper_vad.get_vad_model().session

    def blocks(self, waveform: Waveform) -> Iterator[NDArray[np.float32]]:
        """Yield the probability of speech in each frame of `waveform` (samples,), (2, frames) a minute.

        The first row is of the sound as it is, the second of the sound with its levels evened.
        """
        as_it_is, raised = _Listener(self._session), _Listener(self._session)
        size = BLOCK_FRAMES * FRAME_SAMPLES
        for start in range(0, len(waveform), size):
            sound = to_float32(waveform[start : start + size])
            louder = evened(waveform[start : start + size])
            scores = as_it_is.hear(sound)
            if np.array_equal(louder, sound):
                raised.state = as_it_is.state
                yield np.stack([scores, scores])
            else:
                yield np.stack([scores, raised.hear(louder)])


class _Listener:
    """The network with what it remembers of one recording."""

    def __init__(self, session: Any) -> None:
        self._session = session
        memory = np.zeros((1, 1, 128), dtype=np.float32)
        self.state = memory, memory, np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)

    def hear(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the probability of speech in each frame of `sound`, which follows what was heard before."""
        hidden, cell, before = self.state
        frames = np.pad(sound, (0, -len(sound) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
        contexts = np.concatenate([before[np.newaxis], frames[:-1, -_CONTEXT_SAMPLES:]])
        inputs = {"input": np.concatenate([contexts, frames], axis=1), "h": hidden, "c": cell}
        scores, hidden, cell = self._session.run(None, inputs)
        self.state = hidden, cell, frames[-1, -_CONTEXT_SAMPLES:]
        flat: NDArray[np.float32] = scores.reshape(-1)
        return flat
