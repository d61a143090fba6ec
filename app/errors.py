"""Every way a request or the start can fail, as exceptions that know nothing of HTTP.

AsrError
├── BadRequest              the caller can fix it
│   ├── BadParameter            a value that is not allowed
│   ├── ParameterConflict       two values that contradict each other
│   ├── UnknownModel            a model name outside the catalogue
│   ├── FileMissing             no recording, or its name in its place
│   ├── EmptyUpload             no bytes
│   ├── AudioUnreadable         not decodable as audio
│   ├── BadDocument             a transcript that is none
│   └── NoAudioTrack            a readable file without sound
├── UploadTooLarge          more bytes than the operator allows
├── DocumentTooLarge        a transcript of more bytes than any has
├── AudioTooLong            more minutes than the operator allows
├── UploadStalled           the client stopped sending
├── UploadTooSlow           the client sends less than the operator asks for, or for too long
├── Unauthorized            no or wrong key
├── CrossSiteRequest        from a web page of another site
├── ClientLeft              the client closed the connection
├── Unavailable             try again later: carries retry_after_seconds
│   ├── ServiceBusy             the queue is full
│   ├── TooManyUploads          one client sends too many recordings at once
│   ├── ServiceDraining         the process is stopping
│   ├── QueueTimeout            waited too long for a slot
│   ├── ModelUnavailable        a model cannot be loaded now
│   ├── StorageFull             no room for the upload
│   └── OutOfMemory             the device ran out of memory on every fallback
├── DeadlineExceeded        the work took longer than the operator allows
├── EngineFailed            an engine broke in a way nobody foresaw
└── InternalError           anything else broke in a way nobody foresaw
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar

RETRY_SECONDS = 30
"""How long a client is told to wait where nothing better is known."""
MODEL_RETRY_SECONDS = 60
"""The same for a model: downloads and repairs take longer than a queue."""


class AsrError(Exception):
    """Base of all failures that are reported to a client; `code` is stable and machine-readable.

    The first line of each subclass's docstring is what the documentation says of it.
    """

    code: ClassVar[str]


class InvalidSettings(ValueError):
    """Settings that contradict each other or the machine; the message names them and what to do."""


class StageCancelled(BaseException):
    """Stops a stage because the one that runs at the same time has failed.

    No failure itself: nothing that handles or counts failures may take it for one.
    """


class BadRequest(AsrError):
    """The request cannot be carried out as sent; the message says what to change."""

    code = "bad_request"


class BadParameter(BadRequest):
    """A parameter has a value that is not allowed."""

    code = "invalid_parameter"

    def __init__(self, parameter: str, value: object, allowed: str) -> None:
        shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "..."
        super().__init__(f"{parameter}: {shown} is not allowed; use {allowed}")
        self.parameter = parameter
        self.value = value
        self.allowed = allowed


class ParameterConflict(BadRequest):
    """Two parameters, or the same one in two places, contradict each other."""

    code = "conflicting_parameters"

    def __init__(self, parameter: str, explanation: str) -> None:
        super().__init__(f"{parameter}: {explanation}")
        self.parameter = parameter


class UnknownModel(BadRequest):
    """A model name that the catalogue does not hold."""

    code = "model_not_found"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        shown = name if len(name) <= 80 else name[:77] + "..."
        super().__init__(f"model not found: {shown!r}; use one of {', '.join(known)}")
        self.name = name
        self.known = tuple(known)


class FileMissing(BadRequest):
    """The form holds no recording, or its name in its place."""

    code = "missing_file"


class EmptyUpload(BadRequest):
    """The upload holds no bytes."""

    code = "empty_file"

    def __init__(self) -> None:
        super().__init__("the file is empty; send a recording")


class AudioUnreadable(BadRequest):
    """The upload is not audio that can be decoded."""

    code = "invalid_audio"

    def __init__(self, reason: str) -> None:
        super().__init__(f"failed to decode audio: {reason}")
        self.reason = reason


class NoAudioTrack(BadRequest):
    """The upload is a media file without any audio track."""

    code = "no_audio_track"

    def __init__(self) -> None:
        super().__init__("failed to decode audio: the file has no audio track")


class BadDocument(BadRequest):
    """The body is not the JSON of a transcript; the message names the field."""

    code = "invalid_document"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field or 'the body'}: {reason}; send a transcript as output_format=json gives it")
        self.field = field


class DocumentTooLarge(AsrError):
    """The transcript is larger than that of any recording."""

    code = "document_too_large"

    def __init__(self, limit_mb: float) -> None:
        super().__init__(f"document too large: the limit is {limit_mb:g} MB; send the segments alone")
        self.limit_mb = limit_mb


class UploadTooLarge(AsrError):
    """The body is larger than MAX_FILE_SIZE_MB."""

    code = "file_too_large"

    def __init__(self, limit_mb: float) -> None:
        super().__init__(
            f"file too large: the limit is {limit_mb:g} MB (MAX_FILE_SIZE_MB); "
            "send the sound alone, compressed"
        )
        self.limit_mb = limit_mb


class AudioTooLong(AsrError):
    """The recording is longer than MAX_DURATION_MINUTES."""

    code = "audio_too_long"

    def __init__(self, limit_minutes: float) -> None:
        super().__init__(f"audio too long: the limit is {limit_minutes:g} minutes (MAX_DURATION_MINUTES)")
        self.limit_minutes = limit_minutes


class UploadStalled(AsrError):
    """No byte arrived for the time the operator allows."""

    code = "upload_stalled"

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"upload stalled: no data for {seconds:g} seconds (UPLOAD_STALL_SECONDS); send it again"
        )
        self.seconds = seconds


class UploadTooSlow(AsrError):
    """The upload took too long: as a whole, or for what it brought."""

    code = "upload_too_slow"

    def __init__(self, limit: str) -> None:
        super().__init__(
            f"upload too slow: the limit is {limit}; send the sound alone, compressed, or over a faster link"
        )
        self.limit = limit


class Unauthorized(AsrError):
    """The request carries no valid key; nothing more is said."""

    code = "unauthorized"

    def __init__(self) -> None:
        super().__init__("unauthorized")


class CrossSiteRequest(AsrError):
    """A web page of another site made a browser send this; CORS_ORIGINS names those that may."""

    code = "cross_site"

    def __init__(self, origin: str | None, host: str) -> None:
        page = (origin or "another site")[:100]
        super().__init__(
            f"a web page of {page} may not send requests to {host[:100]}; name its origin in CORS_ORIGINS, "
            "or let a proxy in front pass on the header Host"
        )
        self.origin = origin


class ClientLeft(AsrError):
    """The client closed the connection before the answer was ready."""

    code = "client_closed_request"

    def __init__(self) -> None:
        super().__init__("the client closed the connection")


class Unavailable(AsrError):
    """The service cannot do it now but may later."""

    code = "unavailable"

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ServiceBusy(Unavailable):
    """All slots are taken and the queue is full."""

    code = "busy"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(
            "the service is busy and its queue is full (MAX_QUEUE_SIZE); try again later", retry_after_seconds
        )


class TooManyUploads(Unavailable):
    """The client has MAX_UPLOADS_PER_CLIENT uploads under way already."""

    code = "too_many_uploads"

    def __init__(self, limit: int, retry_after_seconds: int = RETRY_SECONDS) -> None:
        super().__init__(
            f"too many uploads: the limit is {limit} at once for each client (MAX_UPLOADS_PER_CLIENT); "
            "send the next when one of them is done",
            retry_after_seconds,
        )
        self.limit = limit


class ServiceDraining(Unavailable):
    """The process is stopping and takes no new work."""

    code = "draining"

    def __init__(self, retry_after_seconds: int = RETRY_SECONDS) -> None:
        super().__init__("the service is shutting down; try again later", retry_after_seconds)


class QueueTimeout(Unavailable):
    """The request waited longer than QUEUE_TIMEOUT for a slot."""

    code = "queue_timeout"

    def __init__(self, seconds: float, retry_after_seconds: int) -> None:
        super().__init__(
            f"no slot became free within {seconds:g} seconds (QUEUE_TIMEOUT); try again later",
            retry_after_seconds,
        )
        self.seconds = seconds


class ModelUnavailable(Unavailable):
    """A model of the catalogue cannot be loaded at present."""

    code = "model_unavailable"

    def __init__(self, model: str, reason: str, retry_after_seconds: int = MODEL_RETRY_SECONDS) -> None:
        super().__init__(f"model {model} is not available: {reason}", retry_after_seconds)
        self.model = model
        self.reason = reason


class StorageFull(Unavailable):
    """There is no room on disk for the upload."""

    code = "storage_full"

    def __init__(self, retry_after_seconds: int = RETRY_SECONDS) -> None:
        super().__init__("no space left to store the upload; try again later", retry_after_seconds)


class OutOfMemory(Unavailable):
    """A stage ran out of device memory at every batch size and fallback allowed."""

    code = "out_of_memory"

    def __init__(self, stage: str, retry_after_seconds: int = RETRY_SECONDS) -> None:
        super().__init__(
            f"out of memory while running {stage}; use a smaller model or BATCH_SIZE, or try again later",
            retry_after_seconds,
        )
        self.stage = stage


class DeadlineExceeded(AsrError):
    """The work took longer than REQUEST_TIMEOUT."""

    code = "timeout"

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the request took longer than {seconds:g} seconds (REQUEST_TIMEOUT)")
        self.seconds = seconds


class EngineFailed(AsrError):
    """An engine raised something unforeseen; the cause is chained and only logged."""

    code = "engine_failed"

    def __init__(self, stage: str) -> None:
        super().__init__(f"{stage} failed")
        self.stage = stage


class InternalError(AsrError):
    """Something that nobody foresaw; the log has the cause."""

    code = "internal_error"


def error_classes(root: type[AsrError] = AsrError) -> Iterator[type[AsrError]]:
    """Yield every kind of failure below `root`."""
    for kind in root.__subclasses__():
        yield kind
        yield from error_classes(kind)


def reason_of(exc: Exception) -> str:
    """Return why the system refused something, in its own words where it has any."""
    return (exc.strerror if isinstance(exc, OSError) else None) or type(exc).__name__


def causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield `exc` and what it was raised from, the latest first."""
    link: BaseException | None = exc
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
