"""Speaker embedding networks split at their statistics pooling: a costly encoder and a cheap pooling half.

pyannote's stock pipeline runs the whole network once per window and speaker, although the speaker's mask
enters only at the statistics pooling. Split there, the encoder runs once per window for all its speakers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from app.engines.platform.libraries import pyannote_wespeaker, pyannote_xvector


@dataclass(frozen=True, slots=True)
class EmbeddingNetwork:
    """The parts of one network, in the order in which they run; each works on a batch."""

    features: Callable[[Tensor], Tensor]
    """Acoustic features, such as fbank, of sound (windows, 1, samples) at 16 kHz; always in float32."""
    encoder: Callable[[Tensor], Tensor]
    """Frame-wise output (windows, ..., frames) of acoustic features."""
    pooling: Callable[[Tensor, Tensor], Tensor]
    """Embeddings (windows, dimension) of frame-wise outputs and weights (windows, mask frames): statistics
    pooling and the layers after it."""


def split_at_pooling(model: Any) -> EmbeddingNetwork | None:
    """Return `model` split at its statistics pooling; None for kinds that are not known here."""
    if isinstance(model, pyannote_wespeaker.BaseWeSpeakerResNet) and not model.fbank_only:
        resnet = _channels_last(model.resnet)
        return EmbeddingNetwork(
            features=model.compute_fbank,
            encoder=resnet.forward_frames,
            pooling=lambda frames, weights: resnet.forward_embedding(frames, weights=weights)[1],
        )
    if isinstance(model, pyannote_xvector.XVectorMFCC | pyannote_xvector.XVectorSincNet):
        return EmbeddingNetwork(
            features=lambda sound: _front_end(model)(sound).squeeze(dim=1),
            encoder=lambda features: _run_blocks(model.tdnns, features),
            pooling=lambda frames, weights: model.embedding(model.stats_pool(frames, weights=weights)),
        )
    return None


def _channels_last(resnet: torch.nn.Module) -> Any:
    """Return `resnet` with channels last in memory where a CPU runs it: same sums, in a quarter less time.

    It is a copy, so that the pipeline's own network stays as it was loaded.
    """
    if next(resnet.parameters()).device.type != "cpu":
        return resnet
    copied: Any = copy.deepcopy(resnet)
    return copied.to(memory_format=torch.channels_last)


def _front_end(model: Any) -> Callable[[Tensor], Tensor]:
    front_end: Callable[[Tensor], Tensor] = model.mfcc if hasattr(model, "mfcc") else model.sincnet
    return front_end


def _run_blocks(blocks: torch.nn.ModuleList, features: Tensor) -> Tensor:
    for block in blocks:
        features = block(features)
    return features
