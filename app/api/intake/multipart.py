"""A multipart/form-data body, taken apart while it arrives, with every field bounded; no I/O."""

from dataclasses import dataclass

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import BadRequest

HOW_TO_SEND = "send the recording as multipart/form-data, as in: curl -F audio_file=@meeting.mp3"
MALFORMED = "the body is not valid multipart/form-data"


@dataclass(frozen=True, slots=True)
class FieldLimits:
    """How much a form may hold beside its file; the longest option but a transcript takes some 16 KiB."""

    parts: int = 100
    field_bytes: int = 64 << 10
    all_fields_bytes: int = 512 << 10
    documents: frozenset[str] = frozenset({"transcript"})
    """Names of fields that may come as a file, and be long."""
    document_bytes: int = 8 << 20
    """Together."""


class MultipartForm:
    """Feed it the body: it keeps the fields and passes the recording on.

    A part with a file name is a file, and so is one named in `file_names`, which holds the recording: clients
    may leave the file name out. Of other files only the names are kept, but for documents, which are fields.
    """

    def __init__(self, content_type: str, file_names: frozenset[str], limits: FieldLimits) -> None:
        """Read the boundary from `content_type`.

        Raises:
            BadRequest: the body is no multipart form.
        """
        self.fields: list[tuple[str, str]] = []
        self.other_files: list[str] = []
        self.recording_part = ""
        """The name of the part that holds the recording; empty until it begins."""
        self.file_name = ""
        """What the client calls the recording."""
        self._file_names = file_names
        self._limits = limits
        self._parts = 0
        self._fields_bytes = self._document_bytes = 0
        self._header_name = self._header_value = b""
        self._disposition = b""
        self._field: str | None = None
        """The name of the field that is being received; None inside a file."""
        self._value = bytearray()
        self._in_recording = False
        self._recording = bytearray()
        """What the block that is being fed holds of the recording."""
        self._complete = False
        self._parser = self._parser_for(_boundary(content_type))

    def feed(self, block: bytes) -> bytearray:
        """Return what `block` holds of the recording.

        Raises:
            BadRequest: the form is malformed or holds too much.
        """
        self._recording = bytearray()
        try:
            self._parser.write(block)
        except FormParserError as exc:
            raise BadRequest(MALFORMED) from exc
        return self._recording

    def end(self) -> None:
        """Say that the body is over.

        Raises:
            BadRequest: the form is not.
        """
        if not self._complete:
            raise BadRequest("the upload ended before the form was complete; send it again")

    def _parser_for(self, boundary: bytes) -> MultipartParser:
        callbacks = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        try:
            return MultipartParser(boundary, callbacks)  # type: ignore[arg-type]
        except FormParserError as exc:
            raise BadRequest("the boundary of the form is too long") from exc

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
            raise BadRequest(f"{MALFORMED}: a part has no name")
        name = _text(parameters[b"name"], "the name of a part")
        self._in_recording = name in self._file_names
        is_file = self._in_recording or (b"filename" in parameters and name not in self._limits.documents)
        self._field = None if is_file else name
        if self._in_recording:
            self._begin_recording(name, parameters.get(b"filename", b""))
        elif is_file:
            self.other_files.append(name)

    def _begin_recording(self, name: str, file_name: bytes) -> None:
        if self.recording_part:
            raise BadRequest(f"{name}: send one recording per request; {self.recording_part} holds one")
        self.recording_part = name
        self.file_name = file_name.decode("utf-8", "replace")

    def _on_part_data(self, block: bytes, start: int, end: int) -> None:
        if self._in_recording:
            self._recording += block[start:end]
        elif self._field is not None:
            self._value += block[start:end]
            if self._field in self._limits.documents:
                self._document_bytes += end - start
                self._check_documents(self._field)
            else:
                self._fields_bytes += end - start
                self._check_fields(self._field)

    def _check_documents(self, name: str) -> None:
        if self._document_bytes > self._limits.document_bytes:
            raise BadRequest(
                f"{name}: the text is too long: the limit is {self._limits.document_bytes} bytes"
            )

    def _check_fields(self, name: str) -> None:
        if len(self._value) > self._limits.field_bytes:
            raise BadRequest(
                f"{name[:80]}: the field is too long: the limit is {self._limits.field_bytes} bytes; "
                "a recording needs a file name, as in: curl -F audio_file=@meeting.mp3"
            )
        if self._fields_bytes > self._limits.all_fields_bytes:
            raise BadRequest(
                f"the form's fields are too long: the limit is {self._limits.all_fields_bytes} bytes in all; "
                "send options and the recording alone"
            )

    def _on_part_end(self) -> None:
        if self._field is not None:
            self.fields.append((self._field, _text(bytes(self._value), self._field[:80])))
            self._value = bytearray()

    def _on_end(self) -> None:
        self._complete = True


def _boundary(content_type: str) -> bytes:
    kind, parameters = parse_options_header(content_type)
    if kind != b"multipart/form-data":
        raise BadRequest(f"the body is not multipart/form-data; {HOW_TO_SEND}")
    boundary = parameters.get(b"boundary", b"")
    if not boundary:
        raise BadRequest(
            "the header Content-Type: multipart/form-data lacks its boundary; "
            "do not set this header, let the client library write it"
        )
    return boundary


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadRequest(f"{what}: not valid UTF-8") from exc
