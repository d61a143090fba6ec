"""The part of a recording that is wanted, cut out of its samples as they come."""

from dataclasses import dataclass

from app.audio.sample_buffer import SAMPLE_BYTES, SampleBuffer
from app.audio.waveform import SAMPLE_RATE
from app.transcript import Seconds


@dataclass(frozen=True, slots=True)
class Excerpt:
    """From where, and how much of a recording."""

    start: Seconds = 0.0
    seconds: Seconds | None = None
    """None: to the end."""

    @property
    def stop(self) -> Seconds | None:
        """Return where it ends; None at the end of the recording."""
        return None if self.seconds is None else self.start + self.seconds

    @property
    def samples(self) -> slice:
        """Return it in samples of the recording."""
        stop = None if self.stop is None else round(self.stop * SAMPLE_RATE)
        return slice(round(self.start * SAMPLE_RATE), stop)


WHOLE = Excerpt()


class ExcerptBuffer:
    """Takes all samples of a recording in order, and keeps those of an excerpt in a buffer."""

    def __init__(self, buffer: SampleBuffer, excerpt: Excerpt, position: Seconds = 0.0) -> None:
        """Begin at `position` of the recording."""
        self._buffer = buffer
        self._start, self._stop = excerpt.samples.start, excerpt.samples.stop
        self._bytes = round(position * SAMPLE_RATE) * SAMPLE_BYTES

    @property
    def position(self) -> int:
        """Return the sample of the recording that comes next."""
        return self._bytes // SAMPLE_BYTES

    @property
    def kept(self) -> int:
        """Return the number of samples in the buffer."""
        return self._buffer.samples

    @property
    def full(self) -> bool:
        """Return whether the excerpt is complete."""
        return self._stop is not None and self.position >= self._stop

    def append_s16(self, block: bytes) -> bool:
        """Take s16le; False, with nothing kept, if the buffer would exceed its maximum."""
        first = max(0, self._start * SAMPLE_BYTES - self._bytes)
        last = None if self._stop is None else max(0, self._stop * SAMPLE_BYTES - self._bytes)
        self._bytes += len(block)
        return self._buffer.append_s16(block[first:last])

    def append_silence(self, samples: int) -> bool:
        """Take zeros; False, with nothing kept, if the buffer would exceed its maximum."""
        begin = self.position
        stop = begin + samples if self._stop is None else min(self._stop, begin + samples)
        self._bytes = (begin + samples) * SAMPLE_BYTES
        return self._buffer.append_silence(max(0, stop - max(begin, self._start)))

    def take_back(self, position: int, kept: int) -> None:
        """Forget what came from `position` on, when the buffer held `kept` samples."""
        self._bytes = position * SAMPLE_BYTES
        self._buffer.truncate(kept)
