"""Where somebody speaks: whisperX's voice activity detection, with the checkpoint inside its wheel."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.platform.device_plan import segmentation_windows
from app.engines.platform.libraries import pyannote_audio, pyannote_core, whisperx_vads
from app.engines.sliding_windows import window_scores
from app.events import Advance, nobody_counts
from app.transcript import Seconds

ONSET = 0.5
OFFSET = 0.363
PADDING: Seconds = 0.2
"""Sound given to the decoder before and after what is called speech: first and last sounds are soft."""
FIRST_STRETCH_WINDOWS = 60
"""Half a minute: what is listened to before the first text."""


class Chunk(TypedDict):
    """A stretch of speech to decode at once, in whisperX's own form; times in seconds."""

    start: float
    end: float
    segments: list[tuple[float, float]]


class VoiceActivity:
    """Finds the speech chunks of a recording; usable from several threads at once."""

    def __init__(self, inference: "pyannote_audio.Inference", batch_size: int | None = None) -> None:
        """Work on `batch_size` windows together; by default on as many as `inference` was made for."""
        self._inference = inference
        self._batch_size: int = batch_size or inference.batch_size

    @classmethod
    def load(cls, device: str, batch_size: int | None = None) -> "VoiceActivity":
        """Load the segmentation checkpoint that the whisperX wheel carries; nothing is downloaded.

        It works on `batch_size` windows together, or as many as suit `device`.
        """
        checkpoint = Path(whisperx_vads.__file__).parent.parent / "assets" / "pytorch_model.bin"
        model = pyannote_audio.Model.from_pretrained(checkpoint)
        inference = pyannote_audio.Inference(
            model, device=torch.device(device), batch_size=segmentation_windows(batch_size, device)
        )
        return cls(inference)

    def with_smaller_batches(self, share: float) -> "VoiceActivity":
        """Return a view over the same weights that works on this share of the windows together."""
        return VoiceActivity(self._inference, max(1, int(self._batch_size * share)))

    def chunks(
        self,
        waveform: Waveform,
        chunk_seconds: float,
        checkpoint: Checkpoint,
        advance: Advance = nobody_counts,
    ) -> list[Chunk]:
        """Return the speech of `waveform` (samples,) in chunks of at most `chunk_seconds`, if any.

        A chunk begins and ends up to PADDING before and after the speech that was found, within the recording
        and not in the speech of the next one. `advance` counts windows of the search.
        """
        if len(waveform) == 0:
            return []
        windows = self._windows(waveform, checkpoint, advance)
        chunks = _merged(self._speech_scores(windows, waveform), chunk_seconds)
        return padded(chunks, len(waveform) / SAMPLE_RATE, chunk_seconds)

    def all_chunks(
        self, waveform: Waveform, chunk_seconds: float, checkpoint: Checkpoint, advance: Advance
    ) -> Iterator[list[Chunk]]:
        """Yield the same, once."""
        yield self.chunks(waveform, chunk_seconds, checkpoint, advance)

    def chunks_as_found(
        self, waveform: Waveform, chunk_seconds: float, checkpoint: Checkpoint
    ) -> Iterator[list[Chunk]]:
        """Yield the chunks bit by bit, after ever longer stretches of the recording.

        The scores of a frame are settled once every window over it is known, and what is made of them grows
        in one direction: later ones can change the last chunk, and none before it.
        """
        if len(waveform) == 0:
            return
        found = 0
        heard: list[NDArray[np.float32]] = []
        step, size = (round(each * SAMPLE_RATE) for each in (self._inference.step, self._inference.duration))
        for first, beyond in _stretches(complete=(len(waveform) - size) // step + 1):
            end = None if beyond is None else (beyond - 1) * step + size
            heard.append(self._windows(waveform[first * step : end], checkpoint).data)
            windows = pyannote_core.SlidingWindowFeature(np.concatenate(heard), self._sliding_window)
            scores = self._speech_scores(windows, waveform)
            if beyond is not None:
                scores.data = scores.data[: self._first_frame(beyond)]
            chunks = padded(_merged(scores, chunk_seconds), len(waveform) / SAMPLE_RATE, chunk_seconds)
            settled = chunks if beyond is None else chunks[:-1]
            yield settled[found:]
            found = max(found, len(settled))

    def _windows(self, waveform: Waveform, checkpoint: Checkpoint, advance: Advance = nobody_counts) -> Any:
        """Return the network's scores of every window, as pyannote's SlidingWindowFeature."""
        return window_scores(self._inference, waveform, checkpoint, _most_active, self._batch_size, advance)

    def _speech_scores(self, windows: Any, waveform: Waveform) -> Any:
        """Return how surely somebody speaks in each frame, as pyannote's SlidingWindowFeature (frames, 1)."""
        inference, model = self._inference, self._inference.model
        scores = inference.aggregate(
            windows, model.receptive_field, warm_up=inference.warm_up, hamming=True, missing=0.0
        )
        covered = (len(windows) - 1) * inference.step + inference.duration
        if round(covered * SAMPLE_RATE) > len(waveform):  # the silence that filled the last window goes again
            recording = pyannote_core.Segment(0.0, len(waveform) / SAMPLE_RATE)
            scores.data = scores.crop(recording, mode="loose")
        return scores

    @property
    def _sliding_window(self) -> Any:
        inference = self._inference
        return pyannote_core.SlidingWindow(start=0.0, duration=inference.duration, step=inference.step)

    def _first_frame(self, window: int) -> int:
        """Return the number of the first frame that the given window scores."""
        frame = self._inference.model.receptive_field
        frames = pyannote_core.SlidingWindow(start=0.0, duration=frame.duration, step=frame.step)
        return int(frames.closest_frame(window * self._inference.step + 0.5 * frame.duration))


def _stretches(complete: int) -> Iterator[tuple[int, int | None]]:
    """Yield each stretch of `complete` windows as (first, beyond last); None: to the recording's end."""
    first, beyond = 0, FIRST_STRETCH_WINDOWS
    while beyond < complete:
        yield first, beyond
        first, beyond = beyond, 2 * beyond
    yield first, None


def _merged(scores: Any, chunk_seconds: float) -> list[Chunk]:
    if len(scores) < 2:
        return []
    chunks: list[Chunk] = whisperx_vads.Pyannote.merge_chunks(
        scores, chunk_seconds, onset=ONSET, offset=OFFSET
    )
    return chunks


def padded(chunks: Sequence[Chunk], duration: Seconds, longest: Seconds) -> list[Chunk]:
    """Return `chunks`, in order of time, with PADDING where it is free, none longer than `longest` by it."""
    edges = [0.0, *(edge for chunk in chunks for edge in (chunk["start"], chunk["end"])), duration]
    wider: list[Chunk] = []
    for place, chunk in enumerate(chunks):
        before, after = edges[2 * place], edges[2 * place + 3]
        share = 1.0 if place == 0 else 0.5, 1.0 if place == len(chunks) - 1 else 0.5
        room = max(0.0, (longest - (chunk["end"] - chunk["start"])) / 2)
        start = chunk["start"] - max(0.0, min(PADDING, room, share[0] * (chunk["start"] - before)))
        end = chunk["end"] + max(0.0, min(PADDING, room, share[1] * (after - chunk["end"])))
        wider.append({"start": start, "end": min(end, duration), "segments": chunk["segments"]})
    return wider


def _most_active(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (windows, frames, 1) of `scores` (windows, frames, speakers)."""
    most: NDArray[np.float32] = np.max(scores, axis=-1, keepdims=True)
    return most
