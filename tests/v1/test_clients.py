"""The clients of docs/clients.md: their requests byte by byte, and answers read as each of them reads."""

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import openai
import pytest

from tests.fake_engines import FakeEngines
from tests.in_process import tone
from tests.v1.forms import TRANSCRIPTIONS, TRANSLATIONS, data_url
from tests.wire import Answer, Wire, chunk, wired

Read: TypeAlias = Callable[[Answer], object]

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


@dataclass(frozen=True)
class Part:
    """A part of a form, as a client writes it."""

    name: str
    content: str | bytes
    file_name: str | None = None
    kind: str | None = None

    def written(self, length: bool) -> bytes:
        content = self.content.encode() if isinstance(self.content, str) else self.content
        disposition = f'form-data; name="{self.name}"'
        if self.file_name is not None:
            disposition += f'; filename="{self.file_name}"'
        lines = [f"Content-Disposition: {disposition}"]
        lines += [f"Content-Type: {self.kind}"] if self.kind else []
        lines += [f"Content-Length: {len(content)}"] if length else []
        return "\r\n".join([*lines, "", ""]).encode() + content + b"\r\n"


def recording(file_name: str | None = "audio.wav", kind: str | None = "audio/wav") -> Part:
    return Part("file", tone(0.5), file_name, kind)


@dataclass(frozen=True)
class Client:
    """One request of a program and what it makes of the answer."""

    parts: tuple[Part, ...]
    read: Read
    path: str = TRANSCRIPTIONS
    headers: tuple[str, ...] = ("Authorization: Bearer any",)
    chunked: bool = False
    part_lengths: bool = False
    """Each part has a Content-Length of its own, as .NET, Go's resty and some others write."""

    @property
    def body(self) -> bytes:
        parts = (f"--{BOUNDARY}\r\n".encode() + part.written(self.part_lengths) for part in self.parts)
        return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()

    def request(self) -> bytes:
        body = self.body
        framing = "Transfer-Encoding: chunked" if self.chunked else f"Content-Length: {len(body)}"
        lines = [
            f"POST {self.path} HTTP/1.1",
            "Host: test",
            f"Content-Type: multipart/form-data; boundary={BOUNDARY}",
            "Connection: close",
            framing,
            *self.headers,
        ]
        top = "\r\n".join([*lines, "", ""]).encode()
        if not self.chunked:
            return top + body
        blocks = [body[start : start + 4096] for start in range(0, len(body), 4096)]
        return top + b"".join(map(chunk, [*blocks, b""]))


def text(answer: Answer) -> object:
    """Return what most programs read."""
    return json.loads(answer.body)["text"]


def text_and_end(answer: Answer) -> object:
    """Nextcloud: the text, and the end of the last segment for its quota."""
    document = json.loads(answer.body)
    assert document["segments"][-1]["end"] == 1.0
    return document["text"]


def subtitles(answer: Answer) -> object:
    """Nextcloud: the body, unless it calls itself JSON."""
    assert not answer.headers["content-type"].startswith("application/json")
    return re.search(r"--> [\d:,]+\n(.*)\n\n", answer.body.decode())[1]  # type: ignore[index]


def go_struct(answer: Answer) -> object:
    """Scriberr: whole numbers where its structs have them."""
    document = json.loads(answer.body, parse_float=lambda written: float(written))
    for segment in document["segments"]:
        assert all(type(value) is int for value in (segment["id"], segment["seek"], *segment["tokens"]))
    assert [set(word) >= {"word", "start", "end"} for word in document["words"]]
    return " ".join(word["word"] for word in document["words"])


def zod(answer: Answer) -> object:
    """Vercel: every field of its schema a number, none of them null."""
    document = json.loads(answer.body)
    names = [
        "id",
        "seek",
        "start",
        "end",
        "temperature",
        "avg_logprob",
        "compression_ratio",
        "no_speech_prob",
    ]
    for segment in document["segments"]:
        assert all(isinstance(segment[name], int | float) for name in names)
        assert all(isinstance(token, int) for token in segment["tokens"])
    assert document["language"] == "english"
    return document["text"]


def words_alone(answer: Answer) -> object:
    """Buzz: words, and no segments beside them, in which it would look for words."""
    document = json.loads(answer.body)
    assert "segments" not in document
    return " ".join(word["word"] for word in document["words"])


def speakers(answer: Answer, names: tuple[str, str] = ("A", "B")) -> object:
    """Speakr: segments with a speaker each; those without text are passed over."""
    segments = json.loads(answer.body)["segments"]
    assert tuple(segment["speaker"] for segment in segments) == names
    return " ".join(segment["text"].strip() for segment in segments if segment["text"].strip())


def deltas(answer: Answer) -> object:
    """wyoming_openai: the deltas alone."""
    events = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    found = [json.loads(event) for event in events]
    return "".join(each["delta"] for each in found if each["type"] == "transcript.text.delta")


def named_events(answer: Answer) -> object:
    """Subtitle Edit: events by their name, times from the segments of the last one."""
    blocks = [block.split("\n") for block in answer.body.decode().split("\n\n")]
    named = {block[0][7:]: json.loads(block[1][6:]) for block in blocks if block[0].startswith("event: ")}
    return " ".join(segment["text"] for segment in named["transcript.text.done"]["segments"])


def segments_and_usage(answer: Answer) -> object:
    """ruby_llm: the segments, and of the end what it cost, if that is told."""
    events = [line[6:] for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    found = [json.loads(event) for event in events]
    assert found[-1].get("usage", {}) == {}
    return " ".join(each["text"] for each in found if each["type"] == "transcript.text.segment")


WORD, SEGMENT = (Part("timestamp_granularities[]", each) for each in ("word", "segment"))
VERBOSE, WHISPER = Part("response_format", "verbose_json"), Part("model", "whisper-1")

CLIENTS = {
    "Open WebUI": Client((Part("model", ""), recording("a1b2c3.webm", "video/webm")), text),
    "Open WebUI with a language": Client(
        (Part("model", "whisper-1"), Part("language", "en"), recording("a1b2c3.mp3", None)), text
    ),
    "LibreChat": Client((recording("audio.webm", "audio/webm;codecs=opus"), WHISPER), text, chunked=True),
    "LibreChat, newer": Client(
        (recording("audio.webm", "audio/webm"), WHISPER, Part("language", "en")), text
    ),
    "AnythingLLM, its collector": Client(
        (
            recording("a.wav", "application/octet-stream"),
            Part("model", "whisper-small"),
            Part("temperature", "0"),
        ),
        text,
        headers=("Authorization: Bearer null", "X-Stainless-Lang: js"),
        chunked=True,
    ),
    "AnythingLLM": Client(
        (recording("audio.wav", "application/octet-stream"), WHISPER, Part("temperature", "0")),
        text,
        headers=("Authorization: Bearer null", "X-Stainless-Lang: js"),
        chunked=True,
    ),
    "Speakr": Client(
        (WHISPER, Part("language", "en"), Part("prompt", ""), Part("temperature", "0.0"), recording()), text
    ),
    "Speakr with speakers": Client(
        (
            Part("model", "gpt-4o-transcribe-diarize"),
            Part("chunking_strategy", "auto"),
            Part("response_format", "diarized_json"),
            recording("chunk_000.mp3", "audio/mpeg"),
        ),
        speakers,
    ),
    "Speakr through Azure": Client(
        (
            Part("response_format", "diarized_json"),
            Part("known_speaker_names[0]", "X"),
            Part("known_speaker_references[0]", data_url(tone(3), "audio/mpeg")),
            recording("chunk_001.mp3", "audio/mpeg"),
        ),
        partial(speakers, names=("X", "A")),
        path=f"{TRANSCRIPTIONS}?api-version=2025-04-01-preview",
        headers=("api-key: any",),
    ),
    "Home Assistant": Client(
        (
            WHISPER,
            Part("response_format", "json"),
            Part("prompt", ""),
            Part("language", "en"),
            recording("a.wav"),
        ),
        text,
    ),
    "openai_whisper_cloud": Client(
        (
            recording("audio.wav", "audio/wav"),
            WHISPER,
            Part("language", "en-GB"),
            Part("temperature", "0"),
            Part("prompt", ""),
            Part("response_format", "json"),
        ),
        text,
    ),
    "openai_stt_ha": Client(
        (
            recording("audio.wav", "audio/wav"),
            WHISPER,
            Part("language", "en"),
            Part("prompt", ""),
            Part("temperature", "0"),
            Part("response_format", "json"),
        ),
        text,
    ),
    "wyoming_openai": Client(
        (
            Part("model", "whisper-1"),
            Part("response_format", "json"),
            Part("stream", "true"),
            recording("upload", "application/octet-stream"),
        ),
        deltas,
        headers=("Authorization: Bearer ",),
    ),
    "n8n": Client((WHISPER, Part("language", "en"), Part("temperature", "0"), recording("data", None)), text),
    "n8n translating": Client((WHISPER, recording("data", None)), text, path=TRANSLATIONS),
    "Nextcloud": Client((WHISPER, VERBOSE, recording("file.mp3", "audio/mpeg")), text_and_end),
    "Nextcloud for subtitles": Client(
        (WHISPER, Part("response_format", "srt"), recording("file.mp3", "audio/mpeg")), subtitles
    ),
    "LiteLLM": Client((WHISPER, VERBOSE, recording()), zod),
    "Vercel AI SDK": Client(
        (WHISPER, recording("audio.wav", "audio/wav"), VERBOSE, Part("temperature", "0"), SEGMENT), zod
    ),
    "Vercel AI SDK, newer model": Client(
        (
            Part("model", "gpt-4o-transcribe"),
            recording(),
            Part("include[]", "logprobs"),
            Part("response_format", "json"),
            Part("temperature", "0"),
            SEGMENT,
        ),
        text,
    ),
    "Subtitle Edit": Client(
        (WHISPER, VERBOSE, Part("temperature", "0.20"), WORD, SEGMENT, recording()),
        zod,
        part_lengths=True,
    ),
    "Subtitle Edit streaming": Client(
        (WHISPER, Part("response_format", "json"), Part("stream", "true"), recording()), named_events
    ),
    "Buzz": Client(
        (WHISPER, VERBOSE, Part("prompt", ""), WORD, Part("language", "en"), recording()), words_alone
    ),
    "Buzz translating": Client((WHISPER, VERBOSE, Part("prompt", ""), recording()), zod, path=TRANSLATIONS),
    "Scriberr with speakers": Client(
        (
            recording(),
            Part("model", "gpt-4o-transcribe-diarize"),
            Part("response_format", "diarized_json"),
            Part("chunking_strategy", "auto"),
        ),
        speakers,
        chunked=True,
    ),
    "Scriberr": Client(
        (recording(), WHISPER, VERBOSE, Part("temperature", "0.00"), WORD, SEGMENT), go_struct, chunked=True
    ),
    "Dify": Client(
        (
            WHISPER,
            Part("language", "en"),
            Part("prompt", "convert the audio to text"),
            recording("temp.mp3", "audio/mpeg"),
        ),
        lambda answer: "hello there" if text(answer) == "convert the audio to text" else None,
    ),
    "LiveKit": Client((recording("file.wav"), WHISPER, Part("language", "en"), VERBOSE), zod),
    "Pipecat": Client(
        (
            Part("model", "gpt-4o-transcribe"),
            Part("include[]", "logprobs"),
            Part("temperature", "0.0"),
            recording(),
        ),
        text,
    ),
    "Obsidian Whisper": Client(
        (recording("audio.webm", "audio/webm"), WHISPER, Part("language", "en"), Part("prompt", "")), text
    ),
    "curl, as vLLM's users write": Client(
        (
            Part("model", "openai/whisper-small"),
            Part("timestamp_granularities", "word"),
            VERBOSE,
            recording(),
        ),
        words_alone,
    ),
    "ruby_llm streaming": Client(
        (WHISPER, Part("response_format", "json"), Part("stream", "true"), recording()), deltas
    ),
    "ruby_llm streaming speakers": Client(
        (
            Part("model", "gpt-4o-transcribe-diarize"),
            Part("response_format", "diarized_json"),
            Part("stream", "true"),
            recording(),
        ),
        segments_and_usage,
    ),
}

THROUGH_OPENAI_PYTHON: dict[str, dict[str, Any]] = {
    "wyoming_openai": {
        "model": "whisper-1",
        "file": io.BytesIO(tone(0.5)),
        "response_format": "json",
        "stream": True,
    },
    "Speakr": {
        "model": "whisper-1",
        "file": ("audio.wav", tone(0.5), "audio/wav"),
        "language": "en",
        "prompt": "",
        "temperature": 0.0,
    },
    "Speakr with speakers": {
        "model": "gpt-4o-transcribe-diarize",
        "file": ("chunk_000.mp3", tone(0.5), "audio/mpeg"),
        "response_format": "diarized_json",
        "chunking_strategy": "auto",
    },
    "LiteLLM": {
        "model": "whisper-1",
        "file": ("audio.wav", tone(0.5), "audio/wav"),
        "response_format": "verbose_json",
    },
    "Pipecat": {
        "model": "gpt-4o-transcribe",
        "file": ("audio.wav", tone(0.5), "audio/wav"),
        "include": ["logprobs"],
        "temperature": 0.0,
    },
}
"""What those of them ask the SDK for that are written with it."""


@pytest.mark.parametrize("name", THROUGH_OPENAI_PYTHON)
def test_a_form_is_the_one_that_the_sdk_of_its_client_writes(name: str) -> None:
    """Byte by byte, but for the boundary."""
    written = []

    def answer(request: httpx.Request) -> httpx.Response:
        boundary = request.headers["content-type"].partition("boundary=")[2].encode()
        written.append(request.read().replace(boundary, BOUNDARY.encode()))
        return httpx.Response(200, json={"text": ""})

    with openai.OpenAI(
        base_url="http://test/v1",
        api_key="any",
        http_client=httpx.Client(transport=httpx.MockTransport(answer)),
    ) as sdk:
        sdk.audio.transcriptions.create(**THROUGH_OPENAI_PYTHON[name])
    assert written == [CLIENTS[name].body]


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wired(FakeEngines(), tmp_path_factory.mktemp("clients")) as wire:
        yield wire


@pytest.mark.parametrize("name", CLIENTS)
def test_a_client_is_served_as_it_expects(wire: Wire, name: str) -> None:
    client = CLIENTS[name]
    answer = exchange(wire, client.request())
    assert answer.status == 200, answer.body
    assert client.read(answer) == "hello there"


def exchange(wire: Wire, request: bytes) -> Answer:
    """Return the answer to a request after which the connection is closed."""
    with wire.connect() as connection:
        connection.sendall(request)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    top, _, body = received.partition(b"\r\n\r\n")
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}
    if headers.get("transfer-encoding") == "chunked":
        body = unchunked(body)
    return Answer(int(first.split()[1]), headers, body)


def unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        whole, body = whole + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return whole


def test_every_client_of_the_page_is_among_them() -> None:
    page = (Path(__file__).parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
    table = page.split("## OpenAI's clients")[1].split("\n## ")[0]
    named = re.findall(r"^\| ([^|,]+?)(?:,[^|]*)? \|", table, re.MULTILINE)[1:]
    replayed = " ".join(CLIENTS)
    missing = {name for name in dict.fromkeys(named) if name not in replayed}
    assert missing <= {"openai-python", "openai-node", "---"}, "they have tests with the real programs"


def test_its_model_list_has_what_the_pickers_of_speakr_show(wire: Wire) -> None:
    request = b"GET /v1/models HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    names: list[Any] = [model["id"] for model in json.loads(exchange(wire, request).body)["data"]]
    assert any("whisper" in name for name in names)
    assert "gpt-4o-transcribe-diarize" in names


def test_the_model_check_of_home_assistant(wire: Wire) -> None:
    request = (
        b"GET /v1/models/Systran/faster-whisper-small HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
    )
    assert exchange(wire, request).status == 200
