"""faster-whisper's model, as whisperX batches it, with less memory on a CPU."""

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

    def encode(self, features: torch.Tensor | NDArray[np.float32]) -> ctranslate2.StorageView:
        """Return what the encoder makes of `features` (chunks, mels, frames): (chunks, 1500, dimension).

        A single chunk may come as (mels, frames).
        """
        encode = super().encode
        if self.model.device != "cpu" or features.ndim == 2:
            return encode(features)
        encoded = [np.asarray(encode(chunk)) for chunk in features]
        return ctranslate2.StorageView.from_array(np.concatenate(encoded))
