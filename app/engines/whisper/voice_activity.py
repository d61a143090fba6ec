"""Where somebody speaks: two detectors, of which the second is asked where the first is not sure.

Silero is quick and deaf to music, and misses people far from the microphone. The network of whisperX, or of
the diarizer, hears them, and takes music for speech. So the second one is believed where Silero has heard a
trace of speech nearby, in the sound as it is or with its levels evened.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import USUAL_BOUNDS, SpeechBounds, SpeechScores
from app.engines.whisper.silero import FRAME, FRAME_SAMPLES, Silero
from app.engines.whisper.speech_chunks import PAUSE, Chunk, active, chunks_of, spans
from app.engines.whisper.speech_network import STEP, SpeechNetwork
from app.events import Advance, nobody_counts
from app.transcript import Seconds

TRACE = 0.3
"""Share of the onset from which on a score of Silero's is a trace of speech."""
NEARBY: Seconds = 2.0
"""How far from a trace the second detector is believed."""
SECOND_SCALE = 0.6
"""Scores of the second detector count divided by this: it is right from 0.3 on where Silero is from 0.5."""
_FIRST_MINUTES = 1
"""What is listened to before the first text."""


class VoiceActivity:
    """Finds the speech chunks of a recording; usable from several threads at once."""

    def __init__(self, silero: Silero, network: SpeechNetwork) -> None:
        self.silero = silero
        self.network = network

    @classmethod
    def load(cls, device: str, batch_size: int | None = None) -> "VoiceActivity":
        """Load both networks out of the wheels that carry them; nothing is downloaded.

        The second one works on `batch_size` windows together, or as many as suit `device`.
        """
        return cls(Silero(), SpeechNetwork.load(device, batch_size))

    def with_smaller_batches(self, share: float) -> "VoiceActivity":
        """Return a view over the same weights that works on this share of the windows together."""
        return VoiceActivity(self.silero, self.network.with_smaller_batches(share))

    def chunks(
        self,
        waveform: Waveform,
        chunk_seconds: float,
        checkpoint: Checkpoint,
        bounds: SpeechBounds = USUAL_BOUNDS,
        heard: SpeechScores | None = None,
        advance: Advance = nobody_counts,
    ) -> list[Chunk]:
        """Return the speech of `waveform` (samples,) in chunks of at most `chunk_seconds`, if any.

        Where the diarizer has `heard` the recording, its scores are those of the second detector. `advance`
        counts frames of the first.
        """
        hearing = _Hearing(self, waveform, bounds, heard, advance)
        scores = hearing.scores(None, checkpoint)
        return chunks_of(scores, bounds, len(waveform) / SAMPLE_RATE, chunk_seconds)

    def chunks_as_found(
        self,
        waveform: Waveform,
        chunk_seconds: float,
        checkpoint: Checkpoint,
        bounds: SpeechBounds = USUAL_BOUNDS,
        heard: SpeechScores | None = None,
    ) -> Iterator[list[Chunk]]:
        """Yield the chunks bit by bit, after ever longer stretches of the recording.

        What is made of the scores grows in one direction: later ones can change the last chunk, and none
        before it.
        """
        hearing = _Hearing(self, waveform, bounds, heard)
        found = 0
        minutes: int | None = _FIRST_MINUTES
        while minutes is not None:
            minutes = minutes if minutes * 60 * SAMPLE_RATE < len(waveform) else None
            scores = hearing.scores(minutes, checkpoint)
            chunks = chunks_of(scores, bounds, len(waveform) / SAMPLE_RATE, chunk_seconds)
            settled = chunks if minutes is None else chunks[:-1]
            yield settled[found:]
            found = max(found, len(settled))
            minutes = minutes and 2 * minutes


class _Hearing:
    """What is known of one recording, ever more of it."""

    def __init__(
        self,
        ears: VoiceActivity,
        waveform: Waveform,
        bounds: SpeechBounds,
        heard: SpeechScores | None,
        advance: Advance = nobody_counts,
    ) -> None:
        self._network = ears.network
        self._waveform = waveform
        self._bounds = bounds
        self._heard = heard
        self._advance = advance
        self._blocks = ears.silero.blocks(waveform)
        self._first = np.zeros((2, 0), dtype=np.float32)
        """Silero's scores so far, (2, frames)."""
        self._windows: dict[int, NDArray[np.float32]] = {}
        """The second detector's, of the windows it was asked for."""

    def scores(self, minutes: int | None, checkpoint: Checkpoint) -> NDArray[np.float32]:
        """Return how surely somebody speaks, (frames,), in the first minutes; None: in the whole recording.

        Frames at the end, which what follows may change, are left out.
        """
        self._listen(minutes, checkpoint)
        plain = self._first[0]
        traces = self._first.max(axis=0, initial=0.0) > TRACE * self._bounds.onset
        believed = maximum_filter1d(traces, 2 * round(NEARBY / FRAME) + 1) if len(traces) else traces
        second = self._second(believed & self._unsure(plain), minutes is None, checkpoint)
        scores: NDArray[np.float32] = np.maximum(plain, np.minimum(1.0, second / SECOND_SCALE) * believed)
        beyond = round((NEARBY + self._network.window + 2 * STEP) / FRAME)
        return scores if minutes is None else scores[: max(0, len(scores) - beyond)]

    def _listen(self, minutes: int | None, checkpoint: Checkpoint) -> None:
        """Let Silero hear what is missing of the first minutes."""
        blocks = [self._first]
        known = self._first.shape[1]
        while minutes is None or known * FRAME < 60 * minutes:
            checkpoint()
            block = next(self._blocks, None)
            if block is None:
                break
            blocks.append(block)
            known += block.shape[1]
            self._advance(known, max(known, len(self._waveform) // FRAME_SAMPLES))
        self._first = np.concatenate(blocks, axis=1)

    def _unsure(self, plain: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return the frames of stretches longer than a pause in which Silero is not sure of speech."""
        pad = round(self._bounds.pad / FRAME)
        sure = active(plain, self._bounds)
        sure = maximum_filter1d(sure, 2 * pad + 1) if len(sure) else sure
        unsure = np.zeros_like(sure)
        for start, end in spans(~sure):
            unsure[start:end] = (end - start) * FRAME >= PAUSE
        return unsure

    def _second(self, asked: NDArray[np.bool_], whole: bool, checkpoint: Checkpoint) -> NDArray[np.float32]:
        """Return the second detector's scores (frames,), 0 where it was not asked."""
        if self._heard is not None:
            return self._on_our_frames(self._heard, len(asked))
        windows = self._windows_over(asked, whole)
        missing = [window for window in windows if window not in self._windows]
        self._windows |= self._network.hear(self._waveform, missing, checkpoint)
        if not windows:
            return np.zeros(len(asked), dtype=np.float32)
        known = {window: self._windows[window] for window in windows}
        return self._on_our_frames(self._network.joined(known), len(asked))

    def _windows_over(self, asked: NDArray[np.bool_], whole: bool) -> list[int]:
        """Return the numbers of the second detector's windows with a frame in them that is `asked` for."""
        samples = len(self._waveform) if whole else len(asked) * FRAME_SAMPLES
        counts = np.concatenate([[0], np.cumsum(asked)])
        starts = np.arange(self._network.count(samples, whole=whole)) * STEP / FRAME
        first = starts.astype(int)
        beyond = np.minimum(np.ceil(starts + self._network.window / FRAME).astype(int), len(asked))
        return [int(window) for window in np.flatnonzero(counts[beyond] > counts[first])]

    @staticmethod
    def _on_our_frames(scores: SpeechScores, frames: int) -> NDArray[np.float32]:
        """Return `scores` in the middle of each of Silero's frames, 0 beyond their end."""
        times = scores.first + np.arange(len(scores.scores)) * scores.step
        ours = (np.arange(frames) + 0.5) * FRAME
        sampled: NDArray[np.float32] = np.interp(ours, times, scores.scores, right=0.0).astype(np.float32)
        return sampled
