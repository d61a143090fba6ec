"""Streams on the wire: what is sent when, what a failure looks like, and what leaving does."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from app.api.event_stream import EventStream
from app.api.openai import stream
from app.engines.interfaces import Transcription, TranscriptionRequest
from app.errors import EngineFailed, OutOfMemory
from app.events import ChunkDecoded
from app.transcript import Segment
from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.v1.forms import TRANSCRIPTIONS
from tests.wire import BOUNDARY, Wire, head, wait_until, wired


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines(tells_early=True)


@pytest.fixture
def wire(engines: FakeEngines, tmp_path: Path) -> Iterator[Wire]:
    with wired(engines, tmp_path) as wire:
        yield wire


def body(*fields: tuple[str, str], recording: bytes = tone(), end: bool = True) -> bytes:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in (("stream", "true"), *fields)
    ]
    file = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    return b"".join(parts) + file.encode() + recording + (f"\r\n--{BOUNDARY}--\r\n".encode() if end else b"")


def ask(wire: Wire, *fields: tuple[str, str]) -> socket.socket:
    connection = wire.connect()
    form = body(*fields)
    connection.sendall(head(len(form), path=TRANSCRIPTIONS) + form)
    return connection


def read_until(connection: socket.socket, words: bytes) -> bytes:
    received = b""
    while words not in received:
        piece = connection.recv(65536)
        assert piece, f"the connection ended after {received!r}"
        received += piece
    return received


def content_of(received: bytes) -> bytes:
    """Return the body of a chunked answer."""
    rest, content = received.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        content += rest[: int(size, 16)]
        rest = rest[int(size, 16) + 2 :]
    return content


def events_of(content: bytes) -> list[dict[str, Any]]:
    lines = [line.removeprefix(b"data: ") for line in content.split(b"\n") if line.startswith(b"data: ")]
    return [json.loads(line) for line in lines if line != b"[DONE]"]


def test_the_bytes_of_a_stream(wire: Wire) -> None:
    with ask(wire) as connection:
        received = read_until(connection, b"\r\n0\r\n\r\n")
    top = received.partition(b"\r\n\r\n")[0].lower()
    assert b"content-type: text/event-stream; charset=utf-8" in top
    assert b"cache-control: no-cache, no-transform" in top
    assert b"x-accel-buffering: no" in top
    assert b"x-request-id: " in top
    content = content_of(received)
    assert content.startswith(b": keep-alive\n\n")
    for line in content.split(b"\n"):
        assert line == b"" or line.startswith((b": ", b"event: ", b"data: ")), line
    assert content.endswith(b"\n\ndata: [DONE]\n\n")
    delta, done = events_of(content)
    assert delta == {"type": "transcript.text.delta", "delta": "hello there"}
    assert done["type"] == "transcript.text.done"
    assert done["text"] == "hello there"
    assert "usage" not in done
    assert [segment["text"] for segment in done["segments"]] == ["hello there"]
    assert content.count(b"event: transcript.text.done\ndata: {") == 1


def test_the_first_text_comes_while_the_rest_is_decoded(wire: Wire, engines: FakeEngines) -> None:
    engines.gate.clear()
    with ask(wire) as connection:
        received = read_until(connection, b'"delta":"hello there"')
        assert b"transcript.text.done" not in received
        assert wire.queue() == (1, 0)
        engines.gate.set()
        read_until(connection, b"[DONE]")


def test_headers_and_a_comment_come_before_the_turn_of_the_request(wire: Wire, engines: FakeEngines) -> None:
    engines.gate.clear()
    with ask(wire) as first, ask(wire) as second:
        read_until(first, b"hello there")
        assert b"200 OK" in read_until(second, b": keep-alive\n\n")
        assert wire.queue() == (1, 1)
        engines.gate.set()
        read_until(second, b"[DONE]")


def test_silence_is_filled_with_comments_that_the_sdk_passes_over(
    wire: Wire, engines: FakeEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventStream, "patience", 0.05)
    engines.gate.clear()
    with ask(wire) as connection:
        received = read_until(connection, b"hello there")
        while received.count(b": keep-alive\n\n") < 5:
            received += connection.recv(65536)
        engines.gate.set()
        read_until(connection, b"[DONE]")
    engines.gate.clear()
    threading.Timer(0.5, engines.gate.set).start()
    with openai.OpenAI(base_url=f"{wire.url}/v1", api_key="any") as sdk:
        events = sdk.audio.transcriptions.create(file=("a.wav", tone()), model="whisper-1", stream=True)
        assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]


def test_a_silence_is_never_as_long_as_fifteen_seconds() -> None:
    assert EventStream.patience < 15


def stream_with_sdk(wire: Wire, **fields: Any) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{wire.url}/v1", api_key="any", max_retries=0) as sdk:
        yield from sdk.audio.transcriptions.create(
            file=("a.wav", tone()), model="whisper-1", stream=True, **fields
        )


@pytest.mark.parametrize(
    ("failure", "code"),
    [(EngineFailed("transcription"), "engine_failed"), (OutOfMemory("transcription"), "out_of_memory")],
)
def test_a_failure_in_mid_stream_is_an_error_of_the_sdk(
    wire: Wire, engines: FakeEngines, failure: Exception, code: str
) -> None:
    engines.failure = failure
    engines.gate.clear()
    seen = []

    def read() -> None:
        for event in stream_with_sdk(wire):
            seen.append(event)
            engines.gate.set()

    with pytest.raises(openai.APIError) as caught:
        read()
    assert [event.type for event in seen] == ["transcript.text.delta"]
    assert caught.value.code == code
    assert caught.value.message


def test_a_failure_in_mid_stream_announces_no_end(wire: Wire, engines: FakeEngines) -> None:
    engines.failure = RuntimeError("secret words")
    engines.gate.clear()
    with ask(wire) as connection:
        received = read_until(connection, b"hello there")
        engines.gate.set()
        received += read_until(connection, b"\r\n0\r\n\r\n")
    assert b"event: error\ndata: {" in received
    assert b"secret" not in received
    assert b"[DONE]" not in received
    assert b"transcript.text.done" not in received
    wait_until(lambda: wire.queue() == (0, 0))


def test_a_recording_that_cannot_be_decoded_has_a_status_and_no_stream(wire: Wire) -> None:
    connection = wire.connect()
    form = body(recording=b"no recording at all, but some bytes that are none\n")
    connection.sendall(head(len(form), path=TRANSCRIPTIONS) + form)
    with connection:
        received = read_until(connection, b"failed to decode audio")
    assert received.startswith(b"HTTP/1.1 400")


def test_a_defect_of_the_stream_itself_breaks_the_connection(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defective(*_: object) -> Iterator[bytes]:
        yield b"event: transcript.text.done\n"
        raise RuntimeError("a defect")

    monkeypatch.setattr(stream, "_ending", defective)
    with pytest.raises(openai.APIConnectionError):
        list(stream_with_sdk(wire))
    wait_until(lambda: wire.queue() == (0, 0))


@pytest.mark.parametrize("form", ["json", "verbose_json", "diarized_json"])
def test_who_leaves_in_mid_stream_frees_the_slot(wire: Wire, engines: FakeEngines, form: str) -> None:
    engines.gate.clear()
    connection = ask(wire, ("response_format", form))
    read_until(connection, b": keep-alive\n\n")
    assert engines.entered.wait(5)
    connection.close()
    assert wait_until(lambda: wire.queue() == (0, 0), 5) < 2
    wait_until(lambda: wire.open_uploads() == 0)
    engines.gate.set()
    with ask(wire) as another:
        read_until(another, b"[DONE]")


class OutOfMemoryOnce(FakeEngines):
    """Decodes two chunks, and then begins anew, as after memory ran out."""

    def transcribe(
        self, waveform: Any, request: TranscriptionRequest, checkpoint: Any, tell: Any = None
    ) -> Transcription:
        said = [Segment(0.0, 0.5, "one"), Segment(0.5, 1.0, "two"), Segment(1.0, 1.2, "three")]
        for told in (said[:2], said):
            for number, segment in enumerate(told):
                tell(ChunkDecoded(segment, number, "en"))
        return Transcription(tuple(said), "en")


def test_text_is_told_once_even_if_work_begins_anew(tmp_path: Path) -> None:
    with wired(OutOfMemoryOnce(), tmp_path) as wire:
        events = list(stream_with_sdk(wire))
    assert [event.delta for event in events[:-1]] == ["one", " two", " three"]
    assert events[-1].text == "one two three"


def test_a_diarized_stream_has_segments_in_place_of_deltas(wire: Wire) -> None:
    events = list(stream_with_sdk(wire, response_format="diarized_json"))
    assert [event.type for event in events] == [
        "transcript.text.segment",
        "transcript.text.segment",
        "transcript.text.done",
    ]
    assert [(event.id, event.speaker, event.text) for event in events[:-1]] == [
        ("seg_0", "A", "hello"),
        ("seg_1", "B", "there"),
    ]
    assert events[-1].text == "hello there"


def test_a_verbose_stream_ends_with_everything(wire: Wire) -> None:
    granularities = {"timestamp_granularities": ["word", "segment"]}
    *_, done = stream_with_sdk(wire, response_format="verbose_json", **granularities)
    rest = done.to_dict()
    assert rest["language"] == "english"
    assert [word["word"] for word in rest["words"]] == ["hello", "there"]
    assert rest["segments"][0]["id"] == 0
