"""The chunks of one request to segments, a batch at a time."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.platform.libraries import whisper_tokenizer
from app.engines.whisper.features import ahead, features_of
from app.engines.whisper.rows import Decoded, Detail, Features, Row, RowDecoder, Search
from app.engines.whisper.speech_chunks import Chunk
from app.engines.whisper.token_text import token_bytes
from app.events import ChunkDecoded, Listener, advance_of, nobody_counts, nobody_listens
from app.stage import Stage
from app.transcript import Decoding, Segment, Token

SPEECH_SHARE = 0.15
"""Part of the work that the search for speech is, before the first chunk is decoded."""


@dataclass(frozen=True, slots=True)
class Asked:
    """How one request wants its chunks to be decoded."""

    tokenizer: "whisper_tokenizer.Tokenizer"
    prompt: tuple[int, ...]
    search: Search
    detail: Detail


@dataclass(frozen=True, slots=True)
class ChunkDecoding:
    """Decodes chunks of one recording; the spectrograms of the next batch are computed meanwhile."""

    decoder: RowDecoder
    mels: int
    batch_size: int
    checkpoint: Checkpoint
    tell: Listener = nobody_listens
    soon: bool = False
    """The first text is awaited: the first batches are small, and more chunks will follow."""

    def segments(
        self, waveform: Waveform, chunks: Sequence[Chunk], asked: Asked, told: int = 0
    ) -> list[Segment]:
        """Return a segment for each chunk of `waveform` (samples,), even where its text is empty.

        Whoever listens hears of each, in order, after the `told` chunks before them.
        """
        duration = len(waveform) / SAMPLE_RATE
        segments: list[Segment] = []
        advance = nobody_counts if self.soon else advance_of(Stage.TRANSCRIBE, self.tell, SPEECH_SHARE)
        for batch, features in ahead(self._batches(waveform, chunks)):
            self.checkpoint()
            for chunk, decoded in zip(batch, self._decode(features, asked), strict=True):
                segments.append(_segment(chunk, decoded, asked, duration))
                number, language = told + len(segments) - 1, asked.tokenizer.language_code
                self.tell(ChunkDecoded(segments[-1], number, language))
            advance(_speech_seconds(chunks[: len(segments)]), _speech_seconds(chunks))
        return segments

    def _batches(
        self, waveform: Waveform, chunks: Sequence[Chunk]
    ) -> Iterator[tuple[Sequence[Chunk], list[Features]]]:
        """Yield chunks with their spectrograms, a batch at a time; fewer at first if text is wanted soon."""
        most = max(1, self.batch_size)
        size, start = 1 if self.soon else most, 0
        while batch := chunks[start : start + size]:
            yield batch, [features_of(waveform, chunk, self.mels) for chunk in batch]
            start, size = start + size, min(2 * size, most)

    def _decode(self, features: Sequence[Features], asked: Asked) -> list[Decoded]:
        sounds = self.decoder.encode(features)
        return self.decoder.decode([Row(sound, asked.prompt, asked.search, asked.detail) for sound in sounds])


def _speech_seconds(chunks: Sequence[Chunk]) -> float:
    return sum(chunk["end"] - chunk["start"] for chunk in chunks)


def segment_of(chunk: Chunk, duration: float) -> Segment:
    """Return the segment of a chunk whose text is not known, in a recording of so many seconds."""
    start = min(max(0.0, float(chunk["start"])), duration)
    return Segment(round(start, 3), round(max(start, min(float(chunk["end"]), duration)), 3), "")


def _segment(chunk: Chunk, decoded: Decoded, asked: Asked, duration: float) -> Segment:
    return replace(
        segment_of(chunk, duration),
        text=asked.tokenizer.decode(list(decoded.tokens)).strip(),
        avg_logprob=decoded.avg_logprob if math.isfinite(decoded.avg_logprob) else None,
        decoding=_decoding(decoded, asked),
    )


def _decoding(decoded: Decoded, asked: Asked) -> Decoding:
    name, end = asked.tokenizer.tokenizer.id_to_token, asked.tokenizer.eot
    logprobs = decoded.logprobs or (None,) * len(decoded.tokens)
    return Decoding(
        tokens=tuple(
            Token(number, token_bytes(name(number)), logprob)
            for number, logprob in zip(decoded.tokens, logprobs, strict=True)
            if number < end
        ),
        temperature=asked.search.temperature,
        no_speech_prob=decoded.no_speech_prob,
    )
