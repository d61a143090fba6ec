"""Speaker embedding networks in two halves: the costly one sees the sound, the cheap one the speaker's mask.

pyannote's stock pipeline runs the whole network once per window and speaker, although the mask enters only
at the statistics pooling. Split there, the first half runs once per window for all its speakers.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from app.engines.platform.libraries import pyannote_wespeaker, pyannote_xvector


@dataclass(frozen=True, slots=True)
class SplitNetwork:
    """The two halves of one network; each works on a batch."""

    features: Callable[[Tensor], Tensor]
    """Acoustic features of sound (windows, 1, samples); always in float32."""
    trunk: Callable[[Tensor], Tensor]
    """Frame-wise output (windows, ..., frames) of acoustic features."""
    pool: Callable[[Tensor, Tensor], Tensor]
    """Voice vectors (windows, dimension) of frame-wise outputs and weights (windows, mask frames)."""


def split(model: Any) -> SplitNetwork | None:
    """Return the halves of `model`; None where its kind is not known, so that the stock path is taken."""
    if isinstance(model, pyannote_wespeaker.BaseWeSpeakerResNet) and not model.fbank_only:
        resnet = _laid_out(model.resnet)
        return SplitNetwork(
            features=model.compute_fbank,
            trunk=resnet.forward_frames,
            pool=lambda frames, weights: resnet.forward_embedding(frames, weights=weights)[1],
        )
    if isinstance(model, pyannote_xvector.XVectorMFCC | pyannote_xvector.XVectorSincNet):
        return SplitNetwork(
            features=lambda sound: _front_end(model)(sound).squeeze(dim=1),
            trunk=lambda features: _through(model.tdnns, features),
            pool=lambda frames, weights: model.embedding(model.stats_pool(frames, weights=weights)),
        )
    return None


def _laid_out(resnet: torch.nn.Module) -> Any:
    """Return `resnet` with channels last in memory where a CPU runs it: the same sums, a quarter sooner.

    It is a copy, so that the pipeline's own network stays as it was loaded.
    """
    if next(resnet.parameters()).device.type != "cpu":
        return resnet
    copied: Any = copy.deepcopy(resnet)
    return copied.to(memory_format=torch.channels_last)


def _front_end(model: Any) -> Callable[[Tensor], Tensor]:
    front_end: Callable[[Tensor], Tensor] = model.mfcc if hasattr(model, "mfcc") else model.sincnet
    return front_end


def _through(blocks: torch.nn.ModuleList, features: Tensor) -> Tensor:
    for block in blocks:
        features = block(features)
    return features
