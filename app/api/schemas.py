"""The JSON answers as the API describes them. The tests hold real answers against these descriptions.

A key that is NotRequired is absent where its value is not known; no value is ever null.
"""

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, NotRequired, TypeVar

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

CLOSED = ConfigDict(extra="forbid")
"""Nothing is sent that is not described."""

Time = Annotated[float, Field(ge=0, description="Seconds from the start of the recording.", examples=[0.52])]
Speaker = Annotated[str, Field(description="Label in order of first appearance.", examples=["SPEAKER_00"])]
LanguageCode = Annotated[
    str, Field(description="Whisper's code of the spoken language; und: nobody spoke.", examples=["en"])
]


T = TypeVar("T")


@cache
def _docstrings() -> dict[str, dict[str, str]]:
    """Return what stands below the keys of each class of this file."""
    classes = (node for node in ast.parse(Path(__file__).read_bytes()).body if isinstance(node, ast.ClassDef))
    return {found.name: dict(_key_and_docstring(found.body)) for found in classes}


def _key_and_docstring(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for above, below in pairwise(body):
        match above, below:
            case ast.AnnAssign(target=ast.Name(key)), ast.Expr(ast.Constant(str(text))):
                yield key, inspect.cleandoc(text)


def described(answer: type[T]) -> type[T]:
    """Return the TypedDict `answer`, closed, each key described by the docstring below it.

    As by pydantic's use_attribute_docstrings, which reads this file anew for each response of each route: for
    a fifth of a second, while the first request waits.
    """
    for key, text in _docstrings().get(answer.__name__, {}).items():
        answer.__annotations__[key] = Annotated[answer.__annotations__[key], Field(description=text)]
    return with_config(CLOSED)(answer)


@described
class WordAnswer(TypedDict):
    """One word."""

    word: str
    start: NotRequired[Time]
    end: NotRequired[Time]
    score: NotRequired[Annotated[float, Field(ge=0, le=1)]]
    """Mean probability of the aligned characters."""
    speaker: NotRequired[Speaker]


@described
class SegmentAnswer(TypedDict):
    """A stretch of speech, at best one sentence of one speaker."""

    start: Time
    end: Time
    text: str
    speaker: NotRequired[Speaker]
    occurs: NotRequired[Literal[False]]
    """Present where a part of the given transcript is not said in the recording; its times mean nothing."""
    words: NotRequired[list[WordAnswer]]
    """Absent where no word has a time."""
    language: NotRequired[LanguageCode]
    avg_logprob: NotRequired[float]
    """Mean log probability of the tokens of the stretch of speech that the segment is from."""
    no_speech_prob: NotRequired[Annotated[float, Field(ge=0, le=1)]]
    """How probable it was, before the first token of the stretch, that nobody speaks."""
    compression_ratio: NotRequired[Annotated[float, Field(ge=0)]]
    """How many times smaller zlib makes its text: high where words repeat."""
    temperature: NotRequired[Annotated[float, Field(ge=0, le=1)]]
    """At which it was decoded: above 0 where what 0 gave was improbable or repeated itself."""


@described
class TrackAnswer(TypedDict):
    """A sound track of the file, as audio_track may name it."""

    number: Annotated[int, Field(ge=1)]
    language: NotRequired[str]
    """As the file writes it, mostly a code of three letters."""
    title: NotRequired[str]
    channels: NotRequired[int]
    codec: str


@described
class FitAnswer(TypedDict):
    """How well the given transcript fits the recording, as shares of characters."""

    found: Annotated[float, Field(ge=0, le=1)]
    """Of the transcript: heard in the recording."""
    accounted: Annotated[float, Field(ge=0, le=1)]
    """Of what was heard: in the transcript."""


@described
class TranscriptAnswer(TypedDict):
    """What was said, when and by whom."""

    text: list[SegmentAnswer] | str
    """The same as segments; asked for as output=json, the plain text as one string."""
    language: LanguageCode
    languages: NotRequired[dict[str, Annotated[float, Field(ge=0, le=1)]]]
    """Which share of the speech is in which language, the largest first."""
    segments: list[SegmentAnswer]
    word_segments: list[WordAnswer]
    """The words of all segments in order."""
    speaker_embeddings: NotRequired[dict[str, list[float]]]
    """One voice vector per speaker, with return_speaker_embeddings=true."""
    tracks: NotRequired[list[TrackAnswer]]
    """All sound tracks of the file, where there is more than one."""
    transcript_fit: NotRequired[FitAnswer]
    """With the option transcript."""
    warnings: NotRequired[list[str]]
    """What was ignored, what is missing and what to do about it."""
    duration: Annotated[float, Field(ge=0)]
    """Length of the recording, or of the part of it that was asked for, in seconds."""
    model: str
    """Name of the Whisper model."""


@described
class LanguageAnswer(TypedDict):
    """The language most probably spoken."""

    detected_language: Annotated[str, Field(examples=["english"])]
    """English name in lower case."""
    language_code: LanguageCode
    confidence: Annotated[float, Field(ge=0, le=1)]
    """Probability of this language."""
    warnings: NotRequired[list[str]]


@described
class ModelAnswer(TypedDict):
    """A model that requests may name."""

    id: Annotated[str, Field(examples=["large-v3"])]
    object: Literal["model"]
    created: int
    """Unix time; the same for every model."""
    owned_by: str


@described
class ModelList(TypedDict):
    """Every model that requests may name, the default first."""

    object: Literal["list"]
    data: list[ModelAnswer]


@described
class DiarizationState(TypedDict):
    """Whether speakers can be told apart."""

    model: str
    available: bool
    """True where that is proven: it is loaded, its last load worked, or its files are on disk."""
    loaded: bool
    reason: NotRequired[str]
    """Why it is not available, or not proven to be."""


@described
class QueueState(TypedDict):
    """How busy the service is."""

    slots: int
    """Requests worked on at the same time at most."""
    running: int
    waiting: int
    max_waiting: int


@described
class HealthAnswer(TypedDict):
    """How the service is."""

    status: Literal["healthy", "loading", "degraded", "unhealthy"]
    """degraded: it works, but not all of it; see reasons."""
    reasons: list[str]
    device: str
    loaded_models: list[str]
    diarization: DiarizationState
    queue: QueueState
    detection_queue: QueueState
    """That of /detect-language, which never waits behind a transcription."""
    version: str


@described
class ErrorAnswer(TypedDict):
    """Why a request was not carried out."""

    detail: str
    """What is wrong and what to change, in words."""
    code: str
    """Stable and machine-readable."""
    request_id: str
    """The value of X-Request-ID, to find the request in the log."""


@described
class OpenAiError(TypedDict):
    """What is wrong, as OpenAI's clients read it."""

    message: str
    type: str
    """invalid_request_error or server_error."""
    param: str | None
    """The field that is to blame."""
    code: str | None
    """Stable and machine-readable."""


@described
class OpenAiErrorAnswer(TypedDict):
    """Why a request to /v1 was not carried out."""

    error: OpenAiError
