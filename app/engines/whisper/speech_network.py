"""whisperX's voice activity network, out of its wheel: it hears quiet speech, and takes music for speech."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.interfaces import SpeechScores
from app.engines.platform.device_plan import segmentation_windows
from app.engines.platform.libraries import pyannote_audio, pyannote_core, whisperx_vads
from app.transcript import Seconds

STEP: Seconds = 1.0
"""From one window to the next: five look at each frame. Twice as many hear next to nothing more."""


class SpeechNetwork:
    """Hears single windows of a recording; usable from several threads at once."""

    def __init__(self, inference: "pyannote_audio.Inference", batch_size: int | None = None) -> None:
        """Work on `batch_size` windows together; by default on as many as `inference` was made for."""
        self.inference = inference
        self.batch_size: int = batch_size or inference.batch_size
        self.window: Seconds = float(inference.duration)
        self._size = round(self.window * SAMPLE_RATE)

    @classmethod
    def load(cls, device: str, batch_size: int | None = None) -> "SpeechNetwork":
        """Load the checkpoint that the whisperX wheel carries; nothing is downloaded.

        It works on `batch_size` windows together, or as many as suit `device`.
        """
        checkpoint = Path(whisperx_vads.__file__).parent.parent / "assets" / "pytorch_model.bin"
        inference = pyannote_audio.Inference(
            pyannote_audio.Model.from_pretrained(checkpoint),
            step=STEP,
            device=torch.device(device),
            batch_size=segmentation_windows(batch_size, device),
        )
        return cls(inference)

    def with_smaller_batches(self, share: float) -> "SpeechNetwork":
        """Return a view over the same weights that works on this share of the windows together."""
        return SpeechNetwork(self.inference, max(1, int(self.batch_size * share)))

    def count(self, samples: int, *, whole: bool) -> int:
        """Return how many windows so many samples hold; the last, cut off, counts where they are `whole`."""
        step = round(STEP * SAMPLE_RATE)
        complete = max(0, (samples - self._size) // step + 1)
        if whole and (samples < self._size or (samples - self._size) % step > 0):
            return complete + 1
        return complete

    def hear(
        self, waveform: Waveform, windows: Sequence[int], checkpoint: Checkpoint
    ) -> dict[int, NDArray[np.float32]]:
        """Return how surely somebody speaks in each of these windows, (frames,), by its number."""
        heard: dict[int, NDArray[np.float32]] = {}
        for place in range(0, len(windows), self.batch_size):
            checkpoint()
            batch = windows[place : place + self.batch_size]
            sound = np.stack([self._cut(waveform, window) for window in batch])
            scores = self.inference.infer(torch.from_numpy(to_float32(sound)).unsqueeze(1))
            heard |= zip(batch, scores.max(axis=-1), strict=True)
        return heard

    def joined(self, heard: dict[int, NDArray[np.float32]]) -> SpeechScores:
        """Return the mean of windows that were heard, weighted by how near a frame is to their middle.

        Where none was heard it is 0. `heard` holds one at least.
        """
        frames = len(next(iter(heard.values())))
        scores = np.full((max(heard) + 1, frames, 1), np.nan, dtype=np.float32)
        for window, row in heard.items():
            scores[window, :, 0] = row
        sliding = pyannote_core.SlidingWindow(start=0.0, duration=self.window, step=STEP)
        frame = self.inference.model.receptive_field
        mean = self.inference.aggregate(
            pyannote_core.SlidingWindowFeature(scores, sliding), frame, hamming=True, missing=0.0
        )
        return SpeechScores(mean.data[:, 0], frame.duration / 2, frame.step)

    def _cut(self, waveform: Waveform, window: int) -> Waveform:
        start = round(window * STEP * SAMPLE_RATE)
        cut = waveform[start : start + self._size]
        return np.pad(cut, (0, self._size - len(cut)))
