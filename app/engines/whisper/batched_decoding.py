"""The chunks of one request to segments, a batch at a time."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import TranscriptionRequest
from app.engines.whisper.attention import with_readings
from app.engines.whisper.features import ahead, features_of
from app.engines.whisper.guard import Guard, Written
from app.engines.whisper.prompt import prompt_tokens
from app.engines.whisper.rows import Encoded, Features, Row, RowDecoder, Search
from app.engines.whisper.speech_chunks import Chunk
from app.engines.whisper.vocabulary import Vocabulary
from app.events import ChunkDecoded, Listener, advance_of, nobody_counts, nobody_listens
from app.options.languages import UNDETERMINED
from app.stage import Stage
from app.transcript import Segment

Languages = Callable[[Sequence[Chunk], Sequence[Encoded]], list[tuple[Chunk, str]]]
"""Returns chunks, given with what the encoder made of them, each with its language, or cut into such."""

SPEECH_SHARE = 0.15
"""Part of the work that the search for speech is, before the first chunk is decoded."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk in one language."""

    chunk: Chunk
    language: str
    row: Row


@dataclass(slots=True)
class ChunkDecoding:
    """Decodes the chunks of one recording; the spectrograms of the next batch are computed meanwhile."""

    decoder: RowDecoder
    vocabulary: Vocabulary
    mels: int
    waveform: Waveform
    """(samples,)"""
    request: TranscriptionRequest
    search: Search
    batch_size: int
    checkpoint: Checkpoint
    tell: Listener = nobody_listens
    encoded: dict[float, Encoded] = field(default_factory=dict)
    """Chunks that were encoded before, by their starts; each is used once."""
    guarded: bool = True
    """What is improbable or goes in circles is decoded again, and left out if nothing better comes."""
    _told: int = 0

    def segments(self, chunks: Sequence[Chunk], languages: Languages) -> list[Segment]:
        """Return a segment for each chunk, or part of one in one language, even where its text is empty.

        Whoever listens hears of each, in order.
        """
        segments: list[Segment] = []
        advance = (
            nobody_counts if self.request.soon else advance_of(Stage.TRANSCRIBE, self.tell, SPEECH_SHARE)
        )
        done = 0
        for batch, features in ahead(self._batches(chunks)):
            self.checkpoint()
            passages = self._passages(batch, self._encode(batch, features), languages)
            segments += self._decode(passages)
            done += len(batch)
            advance(_speech_seconds(chunks[:done]), _speech_seconds(chunks))
        return segments

    def _batches(self, chunks: Sequence[Chunk]) -> Iterator[tuple[Sequence[Chunk], list[Features]]]:
        """Yield chunks with their spectrograms, a batch at a time; fewer at first if text is wanted soon."""
        most = max(1, self.batch_size)
        size, start = 1 if self.request.soon else most, 0
        while batch := chunks[start : start + size]:
            yield batch, [self._features(chunk) for chunk in batch]
            start, size = start + size, min(2 * size, most)

    def _features(self, chunk: Chunk) -> Features:
        return features_of(self.waveform, chunk, self.mels)

    def _encode(self, chunks: Sequence[Chunk], features: Sequence[Features]) -> list[Encoded]:
        """Return what the encoder makes of `chunks`; some may be known already."""
        known = {place: self.encoded.pop(chunk["start"], None) for place, chunk in enumerate(chunks)}
        new = [place for place, sound in known.items() if sound is None]
        if new:
            known |= zip(new, self.decoder.encode([features[place] for place in new]), strict=True)
        return [sound for sound in known.values() if sound is not None]

    def _passages(
        self, chunks: Sequence[Chunk], sounds: Sequence[Encoded], languages: Languages
    ) -> list[Passage]:
        """Return the rows to decode; parts of a chunk are encoded by themselves."""
        whole = {chunk["start"]: (chunk, sound) for chunk, sound in zip(chunks, sounds, strict=True)}
        found = languages(chunks, sounds)
        parts = [chunk for chunk, _ in found if not _is_whole(chunk, whole)]
        encoded = iter(self.decoder.encode([self._features(chunk) for chunk in parts]) if parts else ())
        return [
            Passage(
                chunk,
                language,
                Row(
                    whole[chunk["start"]][1] if _is_whole(chunk, whole) else next(encoded),
                    self._prompt(language),
                    self.search,
                ),
            )
            for chunk, language in found
        ]

    def _prompt(self, language: str) -> tuple[int, ...]:
        tokenizer = self.vocabulary.tokenizer(language, self.request.task)
        return prompt_tokens(tokenizer, self.request.initial_prompt, self.request.hotwords)

    def _decode(self, passages: Sequence[Passage]) -> list[Segment]:
        guard = Guard(self.decoder, self.vocabulary.decoding, self.vocabulary.multilingual, self.checkpoint)
        rows = [passage.row for passage in passages]
        written = guard.decode(rows) if self.guarded else guard.decode_once(rows)
        segments = [self._segment(passage, each) for passage, each in zip(passages, written, strict=True)]
        segments = self._read_out(passages, segments, [each.decoded.tokens for each in written])
        for segment in segments:
            self.tell(ChunkDecoded(segment, self._told, segment.language or UNDETERMINED))
            self._told += 1
        return segments

    def _segment(self, passage: Passage, written: Written) -> Segment:
        logprob = written.decoded.avg_logprob
        kept = written.is_worth_keeping or self.request.temperature > 0 or not self.guarded
        return replace(
            segment_of(passage.chunk, len(self.waveform) / SAMPLE_RATE),
            text=self.vocabulary.text(written.decoded) if kept else "",
            avg_logprob=logprob if math.isfinite(logprob) else None,
            decoding=replace(written.decoding, speech=tuple(passage.chunk["speech"])),
            language=passage.language,
        )

    def _read_out(
        self, passages: Sequence[Passage], segments: Sequence[Segment], written: Sequence[Sequence[int]]
    ) -> list[Segment]:
        """Return `segments` with what is known of each of their tokens, where that is asked for.

        `written` are the tokens of each as they were decoded, time stamps among them: later ones go by them.
        """
        wanted = [
            (place, segment.decoding)
            for place, segment in enumerate(segments)
            if segment.text and segment.decoding and self._is_to_be_read_out(segment)
        ]
        rows = [passages[place].row for place, _ in wanted]
        numbers = [written[place] for place, _ in wanted]
        readings = self.decoder.read_out(rows, numbers) if wanted else []
        read = list(segments)
        for (place, decoding), tokens, whole in zip(wanted, numbers, readings, strict=True):
            reading = whole.only([self.vocabulary.is_text(token) for token in tokens])
            read[place] = with_readings(segments[place], decoding, reading)
        return read

    def read_out_again(self, segments: Sequence[Segment]) -> list[Segment]:
        """Return `segments`, as they came from here, with what is known of each of their tokens."""
        chunks: list[Chunk] = [
            {"start": each.start, "end": each.end, "segments": [], "speech": []} for each in segments
        ]
        read: list[Segment] = []
        for batch, features in ahead(self._batches(chunks)):
            self.checkpoint()
            some = segments[len(read) : len(read) + len(batch)]
            codes = [segment.language or UNDETERMINED for segment in some]
            found = self._passages(batch, self.decoder.encode(features), _given(codes))
            written = [_numbers(segment) for segment in some]
            read += self._read_out(found, some, written)
        return read

    def _is_to_be_read_out(self, segment: Segment) -> bool:
        return self.request.token_logprobs or self.request.times_words(segment.language or UNDETERMINED)


def _speech_seconds(chunks: Sequence[Chunk]) -> float:
    return sum(chunk["end"] - chunk["start"] for chunk in chunks)


def segment_of(chunk: Chunk, duration: float) -> Segment:
    """Return the segment of a chunk whose text is not known, in a recording of so many seconds."""
    start = min(max(0.0, float(chunk["start"])), duration)
    return Segment(round(start, 3), round(max(start, min(float(chunk["end"]), duration)), 3), "")


def _numbers(segment: Segment) -> list[int]:
    return list(segment.decoding.written) if segment.decoding else []


def _given(codes: Sequence[str]) -> Languages:
    return lambda chunks, _sounds: list(zip(chunks, codes, strict=True))


def _is_whole(chunk: Chunk, whole: dict[float, tuple[Chunk, Encoded]]) -> bool:
    return chunk["start"] in whole and whole[chunk["start"]][0]["end"] == chunk["end"]
