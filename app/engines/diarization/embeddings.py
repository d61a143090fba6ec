"""Speaker embeddings, one per window and speaker: equal to pyannote's, for a fraction of the work."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.audio.waveform import Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.diarization.embedding_network import EmbeddingNetwork
from app.engines.diarization.speaker_activity import SpeakerActivity
from app.events import Advance, nobody_counts


@dataclass(frozen=True, slots=True)
class Windows:
    """The sliding windows of a recording, in samples at 16 kHz, and who is active in them."""

    starts: tuple[int, ...]
    """First sample of each."""
    length: int
    """Samples in each; the last ones may reach beyond the recording's end and are padded with silence."""
    activity: SpeakerActivity


@dataclass(frozen=True, slots=True)
class EmbeddingExtractor:
    """Runs an embedding network, split at its statistics pooling, over windows."""

    network: EmbeddingNetwork
    dimension: int
    device: torch.device
    dtype: torch.dtype
    """Number format of the encoder; features, pooling and embeddings stay in float32."""
    batch_size: int
    min_samples: int
    """Overlapping speech is used too in windows where a speaker is alone for no more samples than this."""
    exclude_overlap: bool

    def extract(
        self,
        waveform: Waveform,
        windows: Windows,
        checkpoint: Checkpoint,
        advance: Advance = nobody_counts,
    ) -> NDArray[np.float32]:
        """Return speaker embeddings (windows, speakers, dimension) of `waveform` (samples,) at 16 kHz.

        A speaker who is silent in a window gets the embedding that the network gives to an empty mask, as in
        pyannote's pipeline; windows in which all are silent are never run. `advance` counts windows.
        """
        count, _, speakers = windows.activity.shape
        embeddings = np.empty((count, speakers, self.dimension), dtype=np.float32)
        embeddings[:] = np.nan
        silent: Tensor | None = None
        with torch.inference_mode():
            for indices, masks in self._batches(windows):
                checkpoint()
                frames = self._encode(waveform, windows, indices)
                if silent is None:
                    silent = self.network.pooling(frames[:1], torch.zeros(1, masks.shape[-1]).to(frames))
                    embeddings[:] = silent[0].cpu().numpy()
                for speaker in range(speakers):
                    self._pool(frames, masks[:, speaker], indices, embeddings[:, speaker])
                advance(int(indices[-1]) + 1, count)
        return embeddings

    def _batches(self, windows: Windows) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Yield indices of windows in which somebody is active, with masks (windows, speakers, frames)."""
        active = np.flatnonzero(windows.activity.active_speakers().any(axis=1))
        fewest = (
            math.ceil(windows.activity.frames * self.min_samples / windows.length)
            if self.exclude_overlap
            else -1
        )
        for start in range(0, len(active), self.batch_size):
            indices = active[start : start + self.batch_size]
            yield indices, torch.from_numpy(_masks(windows.activity[indices], fewest, self.exclude_overlap))

    def _encode(self, waveform: Waveform, windows: Windows, indices: NDArray[np.int64]) -> Tensor:
        """Return the encoder's output (windows, ..., frames) for the windows at `indices`."""
        cuts = [_cut(waveform, windows.starts[index], windows.length) for index in indices]
        sound = torch.from_numpy(to_float32(np.stack(cuts)))
        features = self.network.features(sound.unsqueeze(1).to(self.device))
        reduced = self.dtype != torch.float32
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=reduced):
            return self.network.encoder(features).float()

    def _pool(
        self, frames: Tensor, masks: Tensor, indices: NDArray[np.int64], embeddings: NDArray[np.float32]
    ) -> None:
        """Pool `frames` by one speaker's `masks` into `embeddings`, where the mask is not empty."""
        active = masks.any(dim=1)
        if not active.any():
            return
        selected = frames if active.all() else frames[active.to(frames.device)]
        pooled = self.network.pooling(selected, masks[active].to(frames.device))
        embeddings[indices[active.numpy()]] = pooled.cpu().numpy()


def _masks(activity: NDArray[np.uint8], fewest: int, exclude_overlap: bool) -> NDArray[np.float32]:
    """Return pooling weights (windows, speakers, frames) of `activity` (windows, frames, speakers).

    Overlapping speech is excluded for a speaker who is alone for more than `fewest` frames.
    """
    masks = activity.astype(np.float32)
    if exclude_overlap:
        alone = masks * (masks.sum(axis=2, keepdims=True) < 2)
        lasts = alone.sum(axis=1, keepdims=True) > fewest
        masks = np.where(lasts, alone, masks)
    return np.ascontiguousarray(masks.transpose(0, 2, 1))


def _cut(waveform: Waveform, start: int, length: int) -> Waveform:
    cut = waveform[start : start + length]
    return cut if len(cut) == length else np.pad(cut, (0, length - len(cut)))
