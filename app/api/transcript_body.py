"""A transcript that comes back: the JSON of an answer, edited or not, becomes a Transcript again."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.errors import BadDocument
from app.options.languages import UNDETERMINED
from app.transcript import AudioTrack, Decoding, Segment, TextFit, Transcript, Word

Time = Annotated[float, Field(ge=0, le=10_000_000, allow_inf_nan=False)]
Figure = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=200)]


class _Part(BaseModel):
    """Takes what it knows as it stands, and passes over whatever else a client keeps beside it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class WordBody(_Part):
    """One word; without times where they are not known."""

    word: str
    start: Time | None = None
    end: Time | None = None
    score: Share | None = None
    speaker: Name | None = None

    def word_of(self) -> Word:
        """Return it as the formats know it."""
        return Word(self.word, self.start, self.end, self.score, self.speaker)


class SegmentBody(_Part):
    """A stretch of text."""

    start: Time
    end: Time
    text: str
    speaker: Name | None = None
    occurs: bool = True
    words: list[WordBody] | None = None
    language: Name | None = None
    avg_logprob: Figure | None = None
    no_speech_prob: Share | None = None
    compression_ratio: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    temperature: Share | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self

    def segment_of(self) -> Segment:
        """Return it as the formats know it."""
        words = None if self.words is None else tuple(word.word_of() for word in self.words)
        return Segment(
            self.start,
            self.end,
            self.text,
            words,
            self.speaker,
            self.avg_logprob,
            self._decoding(),
            self.language,
            self.occurs,
        )

    def _decoding(self) -> Decoding | None:
        """Return how it was decoded, where that is known; the tokens are not in the document."""
        if self.no_speech_prob is None or self.compression_ratio is None or self.temperature is None:
            return None
        return Decoding((), self.temperature, self.no_speech_prob, self.compression_ratio)


class TrackBody(_Part):
    """One of the sound tracks of the file."""

    number: Annotated[int, Field(ge=1, le=10_000)]
    codec: Name
    channels: Annotated[int, Field(ge=1, le=10_000)] | None = None
    language: Name | None = None
    title: Name | None = None

    def track_of(self) -> AudioTrack:
        """Return it as the formats know it."""
        return AudioTrack(self.number, self.codec, self.channels, self.language, self.title)


class FitBody(_Part):
    """How well a text that was given fits its recording."""

    found: Share
    accounted: Share

    def fit_of(self) -> TextFit:
        """Return it as the formats know it."""
        return TextFit(self.found, self.accounted)


class TranscriptBody(_Part):
    """A transcript as POST /asr answers it; the segments hold all that is rendered."""

    segments: list[SegmentBody]
    language: Name = UNDETERMINED
    languages: dict[Name, Share] = {}
    duration: Time | None = None
    """Seconds; without it the end of the last segment."""
    model: Name = ""
    speaker_embeddings: dict[str, list[Annotated[float, Field(allow_inf_nan=False)]]] | None = None
    tracks: list[TrackBody] = []
    transcript_fit: FitBody | None = None
    warnings: list[str] = []

    def transcript_of(self) -> Transcript:
        """Return it as the formats know it."""
        voices = self.speaker_embeddings
        last = max((segment.end for segment in self.segments), default=0.0)
        return Transcript(
            segments=tuple(segment.segment_of() for segment in self.segments),
            language=self.language,
            languages=self.languages,
            duration=last if self.duration is None else self.duration,
            model=self.model,
            speaker_embeddings=None if voices is None else {name: tuple(voices[name]) for name in voices},
            tracks=tuple(track.track_of() for track in self.tracks),
            warnings=tuple(self.warnings),
            fit=None if self.transcript_fit is None else self.transcript_fit.fit_of(),
        )


def read_transcript(body: bytes) -> Transcript:
    """Return the transcript that `body` holds.

    Raises:
        BadDocument: it is none; the message names the field.
    """
    try:
        return TranscriptBody.model_validate_json(body).transcript_of()
    except ValidationError as exc:
        raise _refusal(exc.errors(include_url=False, include_context=False)[0]) from None


def _refusal(error: Any) -> BadDocument:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    reason = error["msg"].removeprefix("Value error, ")
    return BadDocument(place.removeprefix("."), f"{reason[:1].lower()}{reason[1:]}")
