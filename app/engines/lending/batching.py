"""Engines whose batch size can be lowered for one request, as the memory policy needs it."""

from typing import Protocol

from app.engines.interfaces import Aligner, Diarizer, Transcriber


class BatchedTranscriber(Transcriber, Protocol):
    """A transcriber that can work in smaller batches."""

    def with_batch_size(self, batch_size: int) -> Transcriber:
        """Return a view over the same weights that works on `batch_size` chunks at a time."""
        ...


class BatchedAligner(Aligner, Protocol):
    """An aligner that can work in smaller batches."""

    def with_batch_size(self, batch_size: int) -> Aligner:
        """Return a view over the same weights that works on `batch_size` segments at a time."""
        ...


class BatchedDiarizer(Diarizer, Protocol):
    """A diarizer that can work in smaller batches."""

    def with_batch_size(self, batch_size: int) -> Diarizer:
        """Return a view over the same weights that works on at most `batch_size` windows at a time."""
        ...
