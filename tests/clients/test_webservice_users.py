"""People who come from whisper-asr-webservice or a shell: their requests must go on working."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import webvtt
from starlette.testclient import TestClient

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.service import Service


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with in_process(FakeEngines(), tmp_path) as client:
        yield client


@pytest.mark.parametrize(
    ("output", "beginning"),
    [
        ("json", "{"),
        ("txt", "[SPEAKER_00]: hello"),
        ("text", "[SPEAKER_00]: hello"),
        ("srt", "1\n00:00:00,000 --> "),
        ("vtt", "WEBVTT\n"),
        ("tsv", "start\tend\ttext"),
    ],
)
def test_the_form_of_the_answer_is_chosen_in_the_query(
    client: TestClient, output: str, beginning: str
) -> None:
    query = {"encode": "true", "task": "transcribe", "output": output, "word_timestamps": "true"}
    answer = client.post("/asr", params=query, files={"audio_file": ("talk.wav", tone(), "audio/wav")})
    assert answer.status_code == 200
    assert answer.text.startswith(beginning)


@pytest.mark.parametrize("name", ["audio_file", "file"])
@pytest.mark.parametrize("asked", [{"diarize": "true"}, {"enable_diarization": "1"}, {"diarize": "false"}])
def test_the_text_of_its_json_is_the_string_that_its_plain_text_is(
    client: TestClient, asked: dict[str, str], name: str
) -> None:
    def ask(output: str) -> httpx.Response:
        return client.post("/asr", params={"output": output, **asked}, files={name: ("talk.wav", tone())})

    assert ask("json").json()["text"] == ask("txt").text


def test_speakers_that_nobody_asked_for_are_not_in_the_string_but_in_the_segments(client: TestClient) -> None:
    body = client.post("/asr?output=json", files={"audio_file": ("talk.wav", tone())}).json()
    assert body["text"] == "hello\nthere\n"
    assert [segment["speaker"] for segment in body["segments"]] == ["SPEAKER_00", "SPEAKER_01"]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ({}, list),
        ({"output_format": "json"}, list),
        ({"output": "json"}, str),
        ({"output": "JSON", "output_format": "json"}, str),
    ],
)
def test_the_text_is_a_list_unless_the_other_services_own_parameter_asks(
    client: TestClient, query: dict[str, str], kind: type
) -> None:
    answer = client.post("/asr", params=query, files={"audio_file": ("talk.wav", tone())})
    assert isinstance(answer.json()["text"], kind)
    in_form = client.post("/asr", data=query, files={"audio_file": ("talk.wav", tone())})
    assert isinstance(in_form.json()["text"], kind)


def test_options_of_the_other_service_that_mean_nothing_here_do_no_harm(client: TestClient) -> None:
    query = {"vad_filter": "true", "encode": "true", "output": "json"}
    answer = client.post("/asr", params=query, files={"audio_file": ("talk.wav", tone())})
    assert answer.status_code == 200
    assert ["vad_filter" in warning for warning in answer.json()["warnings"]] == [True]


def test_its_language_route_answers_in_the_same_words(client: TestClient) -> None:
    answer = client.post("/detect-language?encode=true", files={"audio_file": ("talk.wav", tone())})
    assert set(answer.json()) == {"detected_language", "language_code", "confidence"}


def test_options_sent_with_curl_as_form_fields_count(client: TestClient) -> None:
    """Fault 1: the examples of the README use -F, and the server ignores it."""
    fields = [("output_format", "srt"), ("diarize", "false"), ("language", "en")]
    parts = [(name, (None, value)) for name, value in fields]
    answer = client.post("/asr", files=[*parts, ("audio_file", ("talk.wav", tone()))])
    assert answer.headers["content-type"].startswith("application/x-subrip")
    assert "SPEAKER" not in answer.text


def test_options_count_whether_they_come_before_or_after_the_file(client: TestClient) -> None:
    part = ("audio_file", ("talk.wav", tone()))
    for parts in ([("output", (None, "txt")), part], [part, ("output", (None, "txt"))]):
        assert client.post("/asr", files=parts).text.startswith("[SPEAKER_00]: hello")


def test_a_meeting_becomes_subtitles_that_a_player_reads(live_service: Service, opening: Path) -> None:
    with opening.open("rb") as file:
        answer = httpx.post(
            f"{live_service.url}/asr",
            data={"output_format": "vtt", "max_line_width": "30", "max_line_count": "1"},
            files={"audio_file": ("meeting.flac", file, "audio/flac")},
            timeout=300,
        )
    assert answer.status_code == 200
    assert 'filename="meeting.vtt"' in answer.headers["content-disposition"]
    cues = webvtt.from_string(answer.text).captions
    assert len(cues) >= 5
    assert all(len(line) <= 30 + len("[SPEAKER_00]: ") for cue in cues for line in cue.lines)
