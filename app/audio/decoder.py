"""Any recording to 16 kHz mono samples, within fixed limits of length, time and memory."""

from collections.abc import Callable
from pathlib import Path

from app.audio.excerpt import Excerpt
from app.audio.ffmpeg_binary import find_ffmpeg, supports_fd_protocol
from app.audio.file_decoding import BLOCK_BYTES, EVERYTHING, Decoded, DecodeLimits, FileDecoding, Wanted
from app.audio.file_signature import is_wave, non_audio_kind
from app.audio.sample_buffer import SAMPLE_BYTES, SampleBuffer
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.errors import AudioTooLong, AudioUnreadable, BadParameter, EmptyUpload
from app.events import Advance, nobody_counts


class Decoder:
    """Decodes uploads within fixed limits; safe to share between threads."""

    def __init__(
        self,
        ffmpeg: str | None = None,
        *,
        max_minutes: float = 720,
        timeout_seconds: float = 900,
        max_memory_bytes: int = 3 << 30,
    ) -> None:
        """Use `ffmpeg`, or the one on PATH, or the one of the imageio-ffmpeg wheel.

        Raises:
            FileNotFoundError: there is no ffmpeg.
        """
        self._ffmpeg = ffmpeg or find_ffmpeg()
        self._through_fd = supports_fd_protocol(self._ffmpeg)
        self._limits = DecodeLimits(max_minutes, timeout_seconds, max_memory_bytes)

    def decode(
        self,
        path: Path,
        checkpoint: Callable[[], None],
        raw_pcm: bool = False,
        warn: Callable[[str], None] = lambda _: None,
        advance: Advance = nobody_counts,
    ) -> Waveform:
        """Return all samples of the recording at `path`, as `read` does; `warn` is told its warnings."""
        decoded = self.read(path, checkpoint, raw_pcm=raw_pcm, advance=advance)
        for warning in decoded.warnings:
            warn(warning)
        return decoded.samples

    def read(
        self,
        path: Path,
        checkpoint: Callable[[], None],
        wanted: Wanted = EVERYTHING,
        *,
        raw_pcm: bool = False,
        advance: Advance = nobody_counts,
    ) -> Decoded:
        """Return what is `wanted` of the recording at `path`.

        With `raw_pcm` the file is headerless s16le at SAMPLE_RATE, mono; a WAV is still read as a WAV.
        A damaged or truncated file gives what can be decoded of it, with a warning. Of several tracks the
        first that can be decoded is taken; recordings that were joined into one file follow one another.
        `advance` counts bytes of the file.

        Raises:
            EmptyUpload, AudioUnreadable, NoAudioTrack, AudioTooLong: and whatever `checkpoint` raises.
            BadParameter: there is no such track, or the recording ends before the excerpt begins.
        """
        with path.open("rb", buffering=0) as source:
            head = source.read(64)
            if not head:
                raise EmptyUpload
            if raw_pcm and not is_wave(head):
                return Decoded(self._read_raw(path, checkpoint, wanted.excerpt, advance))
            kind = non_audio_kind(head)
            if kind is not None:
                raise AudioUnreadable(f"not a recording but {kind}")
            ffmpeg, limits = (self._ffmpeg, self._through_fd), self._limits
            return FileDecoding(*ffmpeg, source, limits, checkpoint, wanted, advance).run()

    def _read_raw(
        self, path: Path, checkpoint: Callable[[], None], excerpt: Excerpt, advance: Advance
    ) -> Waveform:
        size = path.stat().st_size
        if size % SAMPLE_BYTES:
            raise AudioUnreadable("raw PCM (encode=false) must have an even number of bytes: 16-bit samples")
        chosen = range(size // SAMPLE_BYTES)[excerpt.samples]
        if not chosen:
            end = f"a time before the end of the recording, at {size / SAMPLE_BYTES / SAMPLE_RATE:.3f} s"
            raise BadParameter("start", excerpt.start, end)
        if len(chosen) > self._limits.max_samples:
            raise AudioTooLong(self._limits.max_minutes)
        buffer = SampleBuffer(self._limits.max_samples, expected=len(chosen))
        with path.open("rb", buffering=0) as source:
            source.seek(chosen.start * SAMPLE_BYTES)
            while (left := (len(chosen) - buffer.samples) * SAMPLE_BYTES) and (
                block := source.read(min(left, BLOCK_BYTES))
            ):
                checkpoint()
                buffer.append_s16(block)
                advance(buffer.samples, len(chosen))
        return buffer.finish()
