"""Whisper for many requests at once: each is transcribed by itself, and their chunks are decoded together."""

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import PlacedText, Transcription, TranscriptionRequest
from app.engines.whisper.shared_batches import SharedBatches
from app.engines.whisper.transcriber import WhisperTranscriber
from app.events import Listener, nobody_listens
from app.options.given_text import GivenText
from app.transcript import LanguageGuess, Segment


class SharingTranscriber:
    """A transcriber whose requests share batches; implements `app.engines.interfaces.Transcriber`."""

    def __init__(self, transcriber: WhisperTranscriber, shared: SharedBatches) -> None:
        """Work as `transcriber` does, on weights that `shared` alone uses."""
        self._transcriber = transcriber
        self._shared = shared

    def with_batch_size(self, batch_size: int) -> "SharingTranscriber":
        """Return a view over the same weights that hands over `batch_size` chunks at a time."""
        return SharingTranscriber(self._transcriber.with_batch_size(batch_size), self._shared)

    def close(self) -> None:
        """Free the weights; no view may be used afterwards."""
        self._transcriber.close()

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the text of `waveform` (samples,) at 16 kHz in chunks of speech, in order of time."""
        return self._for_request(checkpoint).transcribe(waveform, request, checkpoint, tell)

    def find_speech(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        """Return the chunks of speech of `waveform` (samples,), with empty texts, and the language."""
        return self._for_request(checkpoint).find_speech(waveform, request, checkpoint, tell)

    def recognise_and_place(
        self, waveform: Waveform, request: TranscriptionRequest, text: GivenText, checkpoint: Checkpoint
    ) -> PlacedText:
        """Return the words of `text` with the times of those that are recognised in their place."""
        return self._for_request(checkpoint).recognise_and_place(waveform, request, text, checkpoint)

    def time_words(
        self, waveform: Waveform, segments: tuple[Segment, ...], task: str, checkpoint: Checkpoint
    ) -> tuple[Segment, ...]:
        """Return `segments`, as they were transcribed, split into sentences whose words carry times."""
        return self._for_request(checkpoint).time_words(waveform, segments, task, checkpoint)

    def detect_language(self, waveform: Waveform, checkpoint: Checkpoint) -> LanguageGuess:
        """Return the language spoken in `waveform` (samples,)."""
        return self._for_request(checkpoint).detect_language(waveform, checkpoint)

    def _for_request(self, checkpoint: Checkpoint) -> WhisperTranscriber:
        """Return the transcriber of one request, which calls `checkpoint` while it waits for its batches."""
        return self._transcriber.with_decoder(self._shared.for_request(checkpoint))
