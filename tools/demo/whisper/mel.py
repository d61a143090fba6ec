"""Whisper's log mel spectrogram, with the filters that the whisperX wheel carries."""

from pathlib import Path

import numpy as np
import torch
import whisperx

from .model import MELS

_FFT, _HOP = 400, 160  # samples


class LogMel(torch.nn.Module):
    """(B, samples) at 16 kHz → (B, 80, samples / 160); the dynamic range is per clip, as in whisperX."""

    def __init__(self) -> None:
        super().__init__()
        filters = np.load(Path(whisperx.__file__).parent / "assets" / "mel_filters.npz")[f"mel_{MELS}"]
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)
        self.register_buffer("window", torch.hann_window(_FFT), persistent=False)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        spectrum = torch.stft(audio, _FFT, _HOP, window=self.window, return_complex=True)[..., :-1].abs() ** 2
        levels = torch.clamp(self.filters @ spectrum, min=1e-10).log10()
        levels = torch.maximum(levels, levels.amax((1, 2), keepdim=True) - 8.0)
        return (levels + 4.0) / 4.0
