"""Sliding-window inference: a network over overlapping windows, as pyannote's Inference runs it.

pyannote keeps every batch and stacks all at the end, which takes twice the memory of the result; here each
batch is written to its place.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.platform.libraries import pyannote_core
from app.events import Advance, nobody_counts


def window_scores(
    inference: Any,
    waveform: Waveform,
    checkpoint: Checkpoint,
    reduce: Callable[[NDArray[Any]], NDArray[Any]] = lambda outputs: outputs,
    batch_size: int | None = None,
    advance: Advance = nobody_counts,
) -> Any:
    """Return the scores of every window of `waveform` (samples,) at 16 kHz.

    The last window is padded with silence. The answer is pyannote's SlidingWindowFeature (windows, frames,
    classes).

    Args:
        inference: pyannote's Inference: the network, and the duration and step of its windows in seconds.
        checkpoint: called before each batch and after the last.
        reduce: applied to the output of each batch (windows, frames, classes).
        batch_size: windows in a batch; None: as many as `inference` was made with.
        advance: counts windows.
    """
    size = inference.model.audio.get_num_samples(inference.duration)
    step = round(inference.step * SAMPLE_RATE)
    complete = max(0, (len(waveform) - size) // step + 1)
    count = complete + (len(waveform) < size or (len(waveform) - size) % step > 0)
    scores: NDArray[Any] | None = None
    done = 0
    for batch in _batches(waveform, size, step, complete, count, batch_size or inference.batch_size):
        checkpoint()
        outputs = reduce(inference.infer(torch.from_numpy(to_float32(batch)).unsqueeze(1)))
        if scores is None:
            scores = np.empty((count, *outputs.shape[1:]), dtype=outputs.dtype)
        scores[done : done + len(outputs)] = outputs
        done += len(outputs)
        advance(done, count)
    checkpoint()
    windows = pyannote_core.SlidingWindow(start=0.0, duration=inference.duration, step=inference.step)
    return pyannote_core.SlidingWindowFeature(scores, windows)


def _batches(
    waveform: Waveform, size: int, step: int, complete: int, count: int, batch_size: int
) -> Iterator[Waveform]:
    """Yield the windows (batch, samples): views of `waveform`, and a padded last one by itself."""
    if complete:
        windows = sliding_window_view(waveform, size)[::step]
        for start in range(0, complete, batch_size):
            yield windows[start : start + batch_size]
    if count > complete:
        last = waveform[complete * step :]
        yield np.pad(last, (0, size - len(last)))[np.newaxis]
