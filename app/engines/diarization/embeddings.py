"""One voice vector per window and speaker: equal to pyannote's, for a fraction of the work."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.audio.waveform import Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.diarization.embedding_network import SplitNetwork
from app.engines.diarization.speaker_activity import Activity


@dataclass(frozen=True, slots=True)
class Windows:
    """The sliding windows of a recording and who is active in them."""

    starts: tuple[int, ...]
    """First sample of each."""
    length: int
    """Samples of each; the last ones may reach beyond the end, where silence is put."""
    activity: Activity


@dataclass(frozen=True, slots=True)
class VoiceprintExtractor:
    """Runs a split embedding network over windows."""

    network: SplitNetwork
    dimension: int
    device: torch.device
    dtype: torch.dtype
    """Number format of the trunk; features, pooling and vectors stay in float32."""
    batch_size: int
    min_samples: int
    """The network needs this much of a speaker alone; below it overlapping speech counts too."""
    exclude_overlap: bool

    def extract(self, waveform: Waveform, windows: Windows, checkpoint: Checkpoint) -> NDArray[np.float32]:
        """Return voice vectors (windows, speakers, dimension) of `waveform` (samples,).

        A speaker who is silent in a window gets the vector that the network gives to an empty mask, as in
        the stock pipeline; a window in which all are silent is never run.
        """
        count, _, speakers = windows.activity.shape
        vectors = np.empty((count, speakers, self.dimension), dtype=np.float32)
        vectors[:] = np.nan
        silent: Tensor | None = None
        with torch.inference_mode():
            for places, masks in self._batches(windows):
                checkpoint()
                frames = self._frames(waveform, windows, places)
                if silent is None:
                    silent = self.network.pool(frames[:1], torch.zeros(1, masks.shape[-1]).to(frames))
                    vectors[:] = silent[0].cpu().numpy()
                for speaker in range(speakers):
                    self._pool(frames, masks[:, speaker], places, vectors[:, speaker])
        return vectors

    def _batches(self, windows: Windows) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Yield the windows in which somebody is active, with masks (windows, speakers, frames)."""
        active = np.flatnonzero(windows.activity.speaking().any(axis=1))
        fewest = (
            math.ceil(windows.activity.frames * self.min_samples / windows.length)
            if self.exclude_overlap
            else -1
        )
        for start in range(0, len(active), self.batch_size):
            places = active[start : start + self.batch_size]
            yield places, torch.from_numpy(_masks(windows.activity[places], fewest, self.exclude_overlap))

    def _frames(self, waveform: Waveform, windows: Windows, places: NDArray[np.int64]) -> Tensor:
        cuts = [_cut(waveform, windows.starts[place], windows.length) for place in places]
        sound = torch.from_numpy(to_float32(np.stack(cuts)))
        features = self.network.features(sound.unsqueeze(1).to(self.device))
        reduced = self.dtype != torch.float32
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=reduced):
            return self.network.trunk(features).float()

    def _pool(
        self, frames: Tensor, masks: Tensor, places: NDArray[np.int64], vectors: NDArray[np.float32]
    ) -> None:
        """Write one speaker's vectors (windows, dimension) for the windows where its mask is not empty."""
        heard = masks.any(dim=1)
        if not heard.any():
            return
        selected = frames if heard.all() else frames[heard.to(frames.device)]
        pooled = self.network.pool(selected, masks[heard].to(frames.device))
        vectors[places[heard.numpy()]] = pooled.cpu().numpy()


def _masks(activity: NDArray[np.uint8], fewest: int, exclude_overlap: bool) -> NDArray[np.float32]:
    """Return weights (windows, speakers, frames): a speaker alone where that lasts, else all its speech."""
    masks = activity.astype(np.float32)
    if exclude_overlap:
        alone = masks * (masks.sum(axis=2, keepdims=True) < 2)
        lasts = alone.sum(axis=1, keepdims=True) > fewest
        masks = np.where(lasts, alone, masks)
    return np.ascontiguousarray(masks.transpose(0, 2, 1))


def _cut(waveform: Waveform, start: int, length: int) -> Waveform:
    cut = waveform[start : start + length]
    return cut if len(cut) == length else np.pad(cut, (0, length - len(cut)))
