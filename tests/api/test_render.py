"""POST /render writes a transcript as POST /asr would have, and says of what is none which field is wrong."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.api.transcript_body import read_transcript
from app.formats import FORMATS, CueLayout
from app.formats.json_format import render as render_json
from app.transcript import Segment, TextFit, Transcript, Word
from tests.conftest import DEMO
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.service import Service
from tests.wire import Wire, wired

NAME = "Team call.mp3"
SAID: dict[str, Any] = {
    "segments": [
        {
            "start": 0.5,
            "end": 2.0,
            "text": "Good morning.",
            "speaker": "Maria",
            "words": [
                {"word": "Good", "start": 0.5, "end": 1.0, "score": 0.9, "speaker": "Maria"},
                {"word": "morning.", "start": 1.1, "end": 2.0},
            ],
        }
    ],
    "language": "en",
    "duration": 2.5,
    "model": "demo",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with in_process(FakeEngines(), tmp_path_factory.mktemp("render")) as client:
        yield client


def test_the_tracks_of_a_film_come_back(client: TestClient) -> None:
    tracks = [
        {"number": 1, "language": "eng", "channels": 6, "codec": "ac3"},
        {"number": 2, "title": "Kommentar", "codec": "aac"},
    ]
    answer = client.post("/render?output_format=json", json={**SAID, "tracks": tracks}).json()
    assert answer["tracks"] == tracks
    wrong = client.post("/render?output_format=json", json={**SAID, "tracks": [{"number": 0, "codec": ""}]})
    assert (wrong.status_code, "tracks" in wrong.json()["detail"]) == (400, True)


def same(mine: httpx.Response, theirs: httpx.Response) -> bool:
    headers = ("content-type", "content-disposition", "x-asr-warnings")
    return mine.content == theirs.content and all(
        mine.headers.get(name) == theirs.headers.get(name) for name in headers
    )


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with wired(FakeEngines(), tmp_path_factory.mktemp("wire")) as wire:
        yield wire


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(warnings=st.lists(st.text(max_size=20), max_size=3), filling=st.integers(0, 4100))
@example(warnings=[""], filling=0)
@example(warnings=["a", ""], filling=3996)
def test_any_warning_leaves_in_a_header(wire: Wire, warnings: list[str], filling: int) -> None:
    document = {**SAID, "warnings": ["." * filling, *warnings]}
    answer = httpx.post(f"{wire.url}/render?output_format=txt", json=document)
    assert answer.status_code == 200
    assert len(answer.headers["x-asr-warnings"]) <= 4000


@pytest.mark.parametrize(
    "layout",
    [
        "",
        "&max_line_width=20&max_line_count=1",
        "&highlight_words=true",
        "&max_cue_seconds=1&min_cue_seconds=1",
    ],
)
@pytest.mark.parametrize("option", ["output_format", "output"])
@pytest.mark.parametrize("name", FORMATS)
def test_it_answers_what_a_recording_would_have_been_answered_with(
    client: TestClient, name: str, option: str, layout: str
) -> None:
    files = {"audio_file": (NAME, tone())}
    document = client.post("/asr", files=files).json()
    query = f"{option}={name}{layout}"
    asked = client.post(f"/asr?{query}", files=files)
    rendered = client.post(f"/render?{query}&file_name={NAME}", json=document)
    assert rendered.status_code == 200, rendered.text
    assert same(rendered, asked)


@pytest.mark.parametrize("name", FORMATS)
def test_a_real_meeting_is_written_as_the_service_writes_it(live_service: Service, name: str) -> None:
    recording = (DEMO.parents[1] / "tests" / "data" / "conversation-en-2-voices-1.flac").read_bytes()
    files = {"audio_file": (NAME, recording)}
    if not MEETING:
        MEETING.update(httpx.post(f"{live_service.url}/asr", files=files, timeout=120).json())
    rendered = httpx.post(f"{live_service.url}/render?output_format={name}", json=MEETING)
    transcript = read_transcript(json.dumps(MEETING).encode())
    content = FORMATS[name].render(transcript, CueLayout())
    assert rendered.content == (content.encode() if isinstance(content, str) else content)
    if name in ("json", "srt"):
        asked = httpx.post(f"{live_service.url}/asr?output_format={name}", files=files, timeout=120)
        assert rendered.content == asked.content


MEETING: dict[str, Any] = {}
"""The real answer, asked for once."""

times = st.integers(0, 10_000_000).map(lambda milliseconds: milliseconds / 1000)
texts = st.text(max_size=30)
words = st.builds(Word, texts.map(str.strip), st.none() | times, st.none() | times, st.none() | st.just(0.5))


@st.composite
def segments(draw: st.DrawFn) -> Segment:
    start, end = sorted((draw(times), draw(times)))
    said = draw(st.none() | st.lists(words, max_size=4).map(tuple))
    speaker = draw(st.none() | st.sampled_from(["A", "Ольга"]))
    return Segment(start, end, draw(texts).strip(), said, speaker, occurs=draw(st.booleans()))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(segments(), max_size=5))
def test_a_transcript_survives_the_way_out_and_back(said: list[Segment]) -> None:
    fit = TextFit(0.9, 0.8)
    transcript = Transcript(tuple(said), "en", 10_000.0, "demo", warnings=("careful",), fit=fit)
    back = read_transcript(str(render_json(transcript, CueLayout())).encode())
    for name, form in FORMATS.items():
        assert form.render(back, CueLayout()) == form.render(transcript, CueLayout()), name


def test_what_was_edited_is_what_is_written(client: TestClient) -> None:
    edited = json.loads(json.dumps(SAID))
    edited["segments"][0].update(speaker="Anna & <b>", text="Good evening.", note="ours")
    edited["saved_by"] = "a page"
    answer = client.post("/render?output=srt", json=edited)
    assert "[Anna & ‹b›]: Good evening." in answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="transcript.srt"'


def test_the_segments_alone_are_enough(client: TestClient) -> None:
    answer = client.post("/render?output_format=json", json={"segments": SAID["segments"]}).json()
    assert (answer["language"], answer["duration"], answer["model"]) == ("und", 2.0, "")
    assert answer["segments"] == SAID["segments"]


def with_segment(**values: Any) -> Any:
    return {"segments": [SAID["segments"][0], {**SAID["segments"][0], **values}]}


def with_word(**values: Any) -> Any:
    return with_segment(words=[{"word": "one"}, {"word": "two", **values}])


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "the body"),
        ("text", "the body"),
        ({}, "segments"),
        ({"segments": {}}, "segments"),
        ({"segments": [7]}, "segments[0]"),
        (with_segment(start="0.5"), "segments[1].start"),
        (with_segment(start=-1), "segments[1].start"),
        (with_segment(start=3), "segments[1]: it ends before it starts"),
        (with_segment(end=None), "segments[1].end"),
        (with_segment(end=1e300), "segments[1].end"),
        (with_segment(text=5), "segments[1].text"),
        (with_segment(speaker=5), "segments[1].speaker"),
        (with_segment(speaker="A" * 1000), "segments[1].speaker"),
        (with_segment(words="one"), "segments[1].words"),
        (with_word(start="x"), "segments[1].words[1].start"),
        (with_word(score=2), "segments[1].words[1].score"),
        (with_word(word=None), "segments[1].words[1].word"),
        ({**SAID, "language": 5}, "language"),
        ({**SAID, "duration": "long"}, "duration"),
        ({**SAID, "warnings": "one"}, "warnings"),
        ({**SAID, "speaker_embeddings": {"A": ["x"]}}, "speaker_embeddings.A[0]"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(client: TestClient, document: Any, field: str) -> None:
    answer = client.post("/render?output=srt", json=document)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_document")
    assert answer.json()["detail"].startswith(field)
    assert "pydantic" not in answer.text.lower()


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b'{"segments": NaN}', b"[" * 100_000, b'{"a":' * 9999]
)
def test_a_body_that_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/render?output=srt", content=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_document")
    assert len(answer.json()["detail"]) < 300


def test_times_that_are_no_numbers_are_refused(client: TestClient) -> None:
    body = json.dumps(with_segment(end=float("inf"))).encode()
    assert client.post("/render", content=body).status_code == 400


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("output=pdf", "output"),
        ("max_line_width=0", "max_line_width"),
        ("highlight_words=?", "highlight_words"),
    ],
)
def test_options_are_refused_in_the_words_of_asr(client: TestClient, query: str, parameter: str) -> None:
    mine, theirs = (client.post(f"{path}?{query}", json=SAID) for path in ("/render", "/asr"))
    assert mine.status_code == theirs.status_code == 400
    assert mine.json()["detail"] == theirs.json()["detail"]
    assert mine.json()["detail"].startswith(parameter)


def test_options_without_effect_are_named(client: TestClient) -> None:
    answer = client.post("/render?output=text&language=de&max_line_width=30&colour=red", json=SAID)
    warnings = answer.headers["x-asr-warnings"]
    for words in (
        "language has no effect on /render",
        "max_line_width has no effect",
        "'colour' was ignored",
    ):
        assert words in warnings


def test_a_document_larger_than_any_is_refused_while_it_comes(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.routes.render.MAX_MEGABYTES", 0.1)
    answer = client.post("/render", content=b"x" * 300_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "document_too_large")


def test_nothing_of_it_is_left_behind(client: TestClient) -> None:
    client.post("/render?output=srt", json=SAID)
    client.post("/render?output=srt", json=[])
    assert client.app.state.services.upload_store.open_uploads == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/render?output=srt", "/asr", "/asr?stream=true"])
def test_another_site_cannot_make_a_browser_send_it(client: TestClient, path: str) -> None:
    foreign = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    answer = client.post(path, json=SAID, headers=foreign)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    form = {**foreign, "Content-Type": "text/plain"}
    assert client.post(path, content=json.dumps(SAID), headers=form).status_code == 403


def test_it_needs_the_key(tmp_path: Path) -> None:
    with in_process(FakeEngines(), tmp_path, api_key="secret") as client:
        assert client.post("/render", json=SAID).status_code == 401
        assert client.post("/render", json=SAID, auth=("any", "secret")).status_code == 200


def test_a_long_transcript_is_written_in_no_time_that_anybody_would_notice(client: TestClient) -> None:
    segments = SAID["segments"] * 5000
    began = time.monotonic()
    assert client.post("/render?output=docx", json={"segments": segments}).status_code == 200
    assert time.monotonic() - began < 20
