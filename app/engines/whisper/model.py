"""faster-whisper's model, as whisperX batches it, with less memory on a CPU."""

from collections.abc import Sequence

import ctranslate2
import numpy as np
import torch
from numpy.typing import NDArray

from app.engines.platform.libraries import whisperx_asr


class WhisperModel(whisperx_asr.WhisperModel):  # type: ignore[misc]
    """Decodes chunks together, which saves time, but on a CPU encodes them one by one, which saves memory.

    The encoder compares all 1,500 frames of a chunk with each other in every head: up to hundreds of
    megabytes per chunk. One chunk is work enough for all cores; the decoder's steps are not.
    """

    @property
    def mels(self) -> int:
        """Number of bands of its log-mel spectrogram."""
        return self.feat_kwargs.get("feature_size") or 80

    @property
    def start_token(self) -> int:
        """Number of <|startoftranscript|>."""
        return int(self.hf_tokenizer.token_to_id("<|startoftranscript|>"))

    @property
    def no_timestamps_token(self) -> int:
        """Number of <|notimestamps|>."""
        return int(self.hf_tokenizer.token_to_id("<|notimestamps|>"))

    def encode(self, features: torch.Tensor | NDArray[np.float32]) -> ctranslate2.StorageView:
        """Return what the encoder makes of `features` (chunks, mels, frames): (chunks, 1500, dimension).

        A single chunk may come as (mels, frames).
        """
        encode = super().encode
        if self.model.device != "cpu" or features.ndim == 2:
            return encode(features)
        encoded = [np.asarray(encode(chunk)) for chunk in features]
        return ctranslate2.StorageView.from_array(np.concatenate(encoded))


def rows_of(places: Sequence[tuple[ctranslate2.StorageView, int]]) -> ctranslate2.StorageView:
    """Return the given row of each batch (rows, 1500, dimension) as one new batch on the same device."""
    first = places[0][0]
    if first.device == "cpu":
        return ctranslate2.StorageView.from_array(np.stack([np.asarray(batch)[row] for batch, row in places]))
    together = torch.stack([_on_gpu(batch)[row] for batch, row in places])
    return ctranslate2.StorageView.from_array(together).to(first.dtype)


def parts_of(batch: ctranslate2.StorageView, row: int, parts: Sequence[slice]) -> ctranslate2.StorageView:
    """Return these ranges of the steps of one row of `batch` (rows, 1500, dimension), joined."""
    if batch.device == "cpu":
        steps = np.asarray(batch)[row]
        return ctranslate2.StorageView.from_array(np.concatenate([steps[part] for part in parts])[None])
    on_gpu = _on_gpu(batch)[row]
    joined = torch.cat([on_gpu[part] for part in parts])[None]
    return ctranslate2.StorageView.from_array(joined).to(batch.dtype)


def _on_gpu(batch: ctranslate2.StorageView) -> torch.Tensor:
    """Return `batch` as a tensor; the array interface does not know bfloat16."""
    if batch.dtype == ctranslate2.DataType.bfloat16:
        batch = batch.to(ctranslate2.DataType.float32)
    return torch.as_tensor(batch, device=torch.device("cuda", batch.device_index))
