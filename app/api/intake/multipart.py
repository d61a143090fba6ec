"""A multipart/form-data body as a stream of events, with every field bounded; no I/O."""

from dataclasses import dataclass
from typing import TypeAlias

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadRequest

HOW_TO_SEND = "send the recording as multipart/form-data, as in: curl -F audio_file=@meeting.mp3"


@dataclass(frozen=True, slots=True)
class FieldLimits:
    """How much a form may hold beside its file; the longest option takes some 16 KiB."""

    parts: int = 100
    field_bytes: int = 64 << 10
    all_fields_bytes: int = 512 << 10


@dataclass(frozen=True, slots=True)
class Field:
    """A complete text field."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class FileBegin:
    """A file part starts."""

    name: str
    file_name: str


@dataclass(frozen=True, slots=True)
class FileData:
    """The next bytes of the file part that started last."""

    block: bytes


Event: TypeAlias = Field | FileBegin | FileData


class MultipartForm:
    """Feed it the body; it returns what became complete.

    A part with a file name is a file, and so is one named in `file_names`: clients may leave that out.
    """

    def __init__(self, content_type: str, file_names: frozenset[str], limits: FieldLimits) -> None:
        """Read the boundary from `content_type`.

        Raises:
            BadRequest: the body is no multipart form.
        """
        kind, parameters = parse_options_header(content_type)
        boundary = parameters.get(b"boundary", b"")
        if kind == b"multipart/form-data" and not boundary:
            raise BadRequest(
                "the header Content-Type: multipart/form-data lacks its boundary; "
                "do not set this header, let the client library write it"
            )
        if kind != b"multipart/form-data":
            raise BadRequest(f"the body is not multipart/form-data; {HOW_TO_SEND}")
        self._file_names = file_names
        self._limits = limits
        self._events: list[Event] = []
        self._parts = 0
        self._fields_bytes = 0
        self._header_name = self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._in_file = False
        self._value = bytearray()
        self._complete = False
        try:
            self._parser = MultipartParser(boundary, self._callbacks())  # type: ignore[arg-type]
        except FormParserError as exc:
            raise BadRequest("the boundary of the form is too long") from exc

    def feed(self, block: bytes) -> list[Event]:
        """Return the events that `block` completes.

        Raises:
            BadRequest: the form is malformed or holds too much.
        """
        try:
            self._parser.write(block)
        except FormParserError as exc:
            raise BadRequest("the body is not valid multipart/form-data") from exc
        events, self._events = self._events, []
        return events

    def end(self) -> None:
        """Say that the body is over.

        Raises:
            BadRequest: the form is not.
        """
        if not self._complete:
            raise BadRequest("the upload ended before the form was complete; send it again")

    def _callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.parts:
            raise BadRequest(f"the form has more than {self._limits.parts} parts")
        self._disposition = b""
        self._value = bytearray()

    def _on_header_field(self, block: bytes, start: int, end: int) -> None:
        self._header_name += block[start:end]

    def _on_header_value(self, block: bytes, start: int, end: int) -> None:
        self._header_value += block[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        kind, parameters = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in parameters:
            raise BadRequest("the body is not valid multipart/form-data: a part has no name")
        self._name = _text(parameters[b"name"], "the name of a part")
        self._in_file = b"filename" in parameters or self._name in self._file_names
        if self._in_file:
            file_name = parameters.get(b"filename", b"").decode("utf-8", "replace")
            self._events.append(FileBegin(self._name, file_name))

    def _on_part_data(self, block: bytes, start: int, end: int) -> None:
        piece = block[start:end]
        if self._in_file:
            self._events.append(FileData(piece))
            return
        self._value += piece
        self._fields_bytes += len(piece)
        if len(self._value) > self._limits.field_bytes:
            raise BadRequest(
                f"{self._name[:80]}: the field is too long: the limit is {self._limits.field_bytes} bytes; "
                "a recording needs a file name, as in: curl -F audio_file=@meeting.mp3"
            )
        if self._fields_bytes > self._limits.all_fields_bytes:
            raise BadRequest(
                f"the form's fields are too long: the limit is {self._limits.all_fields_bytes} bytes in all; "
                "send options and the recording alone"
            )

    def _on_part_end(self) -> None:
        if not self._in_file:
            self._events.append(Field(self._name, _text(bytes(self._value), self._name[:80])))
            self._value = bytearray()

    def _on_end(self) -> None:
        self._complete = True


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadRequest(f"{what}: not valid UTF-8") from exc
