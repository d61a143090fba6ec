"""What POST /asr accepts, refuses and answers, with engines that answer at once.

Known faults of such servers that must not be ours, by number: 1 options of the form are ignored, 2 text
formats are wrapped in JSON, 4 the detected language is lost, 5 a translation is aligned, 7 raw samples are
not taken, 17 any model name is loaded, 18 undecodable audio is a 500, 19 options are checked after the work,
24 bad options are a 422. The others have their tests where their cause lives.
"""

import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from app.engines.interfaces import SpeakerCountRange, Transcription
from app.formats import FORMATS
from app.models.known_models import OPENAI_NAMES
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone

DEMO_WHISPER = Path(__file__).parents[2] / "app" / "demo" / "whisper"


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines()


@pytest.fixture
def client(engines: FakeEngines, tmp_path: Path) -> Iterator[TestClient]:
    with in_process(engines, tmp_path) as client:
        yield client


def send(
    client: TestClient, form: dict[str, str] | None = None, upload: bytes | None = None, **query: str
) -> Any:
    files = {"audio_file": ("a talk.wav", tone() if upload is None else upload)}
    return client.post("/asr", params=query, data=form, files=files)


def test_the_json_answer_is_as_described(client: TestClient) -> None:
    answer = send(client, {"return_speaker_embeddings": "true", "colour": "red"})
    assert answer.status_code == 200
    schema = client.get("/openapi.json").json()
    jsonschema.validate(
        answer.json(),
        {"$ref": "#/components/schemas/TranscriptAnswer", "components": schema["components"]},
        cls=jsonschema.Draft202012Validator,
    )
    body = answer.json()
    assert body["text"] == body["segments"]
    assert body["word_segments"] == [word for segment in body["segments"] for word in segment["words"]]
    assert body["language"] == "en"
    assert body["duration"] == 1.0
    assert body["model"] == "demo"
    assert body["speaker_embeddings"] == {"SPEAKER_00": [0.1, 0.2], "SPEAKER_01": [0.3, 0.4]}
    assert [word["speaker"] for word in body["word_segments"]] == ["SPEAKER_00", "SPEAKER_01"]


@pytest.mark.parametrize("place", ["query", "form"])
@pytest.mark.parametrize("name", ["output", "output_format"])
@pytest.mark.parametrize("value", ["srt", "SRT"])
def test_an_option_counts_in_the_query_and_in_the_form(
    client: TestClient, place: str, name: str, value: str
) -> None:
    answer = send(client, **{name: value}) if place == "query" else send(client, {name: value})
    assert answer.headers["content-type"].startswith("application/x-subrip")
    assert answer.text.startswith("1\n00:00:00,000 --> ")


def test_options_of_the_query_and_of_the_form_count_together(
    client: TestClient, engines: FakeEngines
) -> None:
    answer = send(client, {"hotwords": "Zürich", "max_speakers": "4"}, output="srt", min_speakers="2")
    assert "Zürich" in answer.text
    assert answer.headers["content-type"].startswith("application/x-subrip")
    assert engines.bounds == [SpeakerCountRange(2, 4)]
    agreeing = send(client, {"output": "vtt"}, output_format="VTT")
    assert agreeing.text.startswith("WEBVTT")


def test_word_is_a_bare_document_named_after_the_upload(client: TestClient) -> None:
    answer = send(client, output_format="docx")
    assert answer.headers["content-type"] == FORMATS["docx"].media_type
    assert 'filename="a talk.docx"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as document:
        assert b"hello" in document.read("word/document.xml")


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("json", "docx")])
def test_other_forms_are_bare_documents_named_after_the_upload(client: TestClient, name: str) -> None:
    form = FORMATS[name]
    answer = send(client, output_format=name)
    assert answer.headers["content-type"] == f"{form.media_type}; charset=utf-8"
    assert f'filename="a talk.{form.extension}"' in answer.headers["content-disposition"]
    assert "hello" in answer.text
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.text)


def test_warnings_travel_in_a_header_where_the_document_has_no_place_for_them(client: TestClient) -> None:
    answer = send(client, output_format="srt", colour="größer\r\nX-Evil: 1")
    assert answer.status_code == 200
    assert "colour" in answer.headers["x-asr-warnings"]
    assert "x-evil" not in answer.headers
    assert "colour" in send(client, {"colour": "red"}).json()["warnings"][0]


@pytest.mark.parametrize(
    ("form", "query", "code", "named"),
    [
        ({}, {"task": "sing"}, "invalid_parameter", "task"),
        ({"task": "sing"}, {}, "invalid_parameter", "task"),
        ({}, {"language": "klingon"}, "invalid_parameter", "language"),
        ({}, {"output": "pdf"}, "invalid_parameter", "output"),
        ({}, {"diarize": "perhaps"}, "invalid_parameter", "diarize"),
        ({}, {"num_speakers": "0"}, "invalid_parameter", "num_speakers"),
        ({}, {"num_speakers": "two"}, "invalid_parameter", "num_speakers"),
        ({}, {"max_speakers": "1000"}, "invalid_parameter", "max_speakers"),
        ({}, {"initial_prompt": "x" * 4001}, "invalid_parameter", "initial_prompt"),
        ({"hotwords": "x" * 4001}, {}, "invalid_parameter", "hotwords"),
        ({}, {"min_speakers": "3", "max_speakers": "2"}, "conflicting_parameters", "min_speakers"),
        ({"min_speakers": "3"}, {"max_speakers": "2"}, "conflicting_parameters", "min_speakers"),
        ({"task": "translate"}, {"task": "transcribe"}, "conflicting_parameters", "task"),
        ({"output": "srt"}, {"output_format": "vtt"}, "conflicting_parameters", "output_format"),
        ({}, {"diarize": "true", "enable_diarization": "false"}, "conflicting_parameters", "diarize"),
        ({}, {"model": "../../etc/passwd"}, "model_not_found", "passwd"),
        ({"model": "someone/any-repository"}, {}, "model_not_found", "someone/any-repository"),
    ],
)
def test_a_bad_option_is_named_and_reaches_no_engine(
    client: TestClient,
    engines: FakeEngines,
    form: dict[str, str],
    query: dict[str, str],
    code: str,
    named: str,
) -> None:
    answer = send(client, form, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert named in answer.json()["detail"]
    assert engines.requests == engines.bounds == []


@pytest.mark.parametrize(
    ("default", "query", "form"),
    [
        ("turbo", {"task": "translate"}, {"model": "large-v3"}),
        ("small.en", {"language": "de"}, {"model": "small"}),
        ("large-v3", {"encode": "false", "return_speaker_embeddings": "true"}, {"diarize": "true"}),
    ],
)
def test_options_are_judged_together_wherever_they_stand(
    engines: FakeEngines, tmp_path: Path, default: str, query: dict[str, str], form: dict[str, str]
) -> None:
    upload = bytes(32000) if "encode" in query else tone()
    with in_process(engines, tmp_path, preload_model=default) as client:
        assert send(client, form, upload, **query).status_code == 200
        assert send(client, query, upload, **form).status_code == 200
        assert send(client, None, upload, **query, **form).status_code == 200


@pytest.mark.parametrize("query", ["task=translate&model=turbo", "language=de&model=small.en"])
def test_what_a_model_cannot_do_is_refused_before_the_upload_is_read(client: TestClient, query: str) -> None:
    def body() -> Iterator[bytes]:
        yield b"--x\r\n"
        raise AssertionError("the upload was read")

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    assert client.post(f"/asr?{query}", content=body(), headers=kind).status_code == 400


@pytest.mark.parametrize(("option", "value"), [("language", "de"), ("task", "translate")])
def test_what_the_operators_own_model_cannot_do_is_refused(
    engines: FakeEngines, tmp_path: Path, option: str, value: str
) -> None:
    model = Path(shutil.copytree(DEMO_WHISPER, tmp_path / "model"))
    tokens = json.loads((model / "vocabulary.json").read_text(encoding="utf-8"))
    (model / "vocabulary.json").write_text(json.dumps([token for token in tokens if token]), encoding="utf-8")
    with in_process(engines, tmp_path, extra_models=f"mine={model}", default_model="mine") as client:
        refused = send(client, {option: value})
        assert send(client, {option: value, "model": "demo"}).status_code == 200
        assert send(client, {"language": "en"}).status_code == 200
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_parameter")
    assert refused.json()["detail"].startswith(f"{option}: ")
    assert "mine" in refused.json()["detail"]


def test_what_is_not_allowed_is_as_unknown(engines: FakeEngines, tmp_path: Path) -> None:
    settings = {"preload_model": "tiny", "allowed_models": "tiny,demo", "allowed_languages": "en,German"}
    with in_process(engines, tmp_path, **settings) as client:
        listed = [model["id"] for model in client.get("/v1/models").json()["data"]]
        refused = send(client, {"model": "large-v3"})
        language = send(client, {"language": "fr"})
        assert send(client, {"model": "demo", "language": "deu"}).status_code == 200
    assert [name for name in listed if name not in OPENAI_NAMES] == ["tiny", "demo"]
    assert (refused.status_code, refused.json()["code"]) == (400, "model_not_found")
    assert refused.json()["detail"].endswith("use one of tiny, demo")
    assert (language.status_code, language.json()["code"]) == (400, "invalid_parameter")
    assert language.json()["detail"].endswith("one of en, de")


def test_a_bad_query_is_refused_before_the_upload_is_read(client: TestClient) -> None:
    def body() -> Iterator[bytes]:
        yield b"--x\r\n"
        raise AssertionError("the upload was read")

    answer = client.post(
        "/asr?task=sing", content=body(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("upload", "query", "code", "words"),
    [
        (b"", {}, "empty_file", "empty"),
        (b"hello, I am a text file", {}, "invalid_audio", "failed to decode audio"),
        (b"%PDF-1.7 not a recording", {}, "invalid_audio", "failed to decode audio"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", {}, "invalid_audio", "failed to decode audio"),
        (b"\x00\x01\x02", {"encode": "false"}, "invalid_audio", "failed to decode audio"),
    ],
)
def test_what_is_no_recording_is_the_callers_mistake(
    client: TestClient, engines: FakeEngines, upload: bytes, query: dict[str, str], code: str, words: str
) -> None:
    answer = send(client, None, upload, **query)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert words in answer.json()["detail"]
    assert "ffmpeg" not in answer.text
    assert engines.requests == []


@pytest.mark.parametrize(
    "body",
    [
        {"files": {"recording": ("a.wav", b"RIFF")}},
        {"data": {"task": "transcribe"}},
        {"json": {"audio_file": "x"}},
        {"content": b"garbage", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {},
    ],
)
def test_a_body_without_the_recording_is_a_400_not_a_422(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/asr", **body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail", "code", "request_id"}


def form(*parts: tuple[str, str | None, bytes]) -> dict[str, Any]:
    """Return what sends a form of (name, file name, content)."""
    return {"files": [(name, (file_name, content)) for name, file_name, content in parts]}


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([("audio_file", None, b"./a.flac")], "audio_file holds a file name, not a file: with curl write @"),
        ([("file", None, b"x.mp3")], "file holds a file name, not a file: with curl write @"),
        ([("audio_file", None, "grüße\n".encode())], "audio_file holds text, not a file: with curl write @"),
        ([("file", "a.wav", tone()), ("audio_file", "b.wav", tone())], "send one recording per request"),
        ([("audio_file", "a.wav", tone()), ("file", "b.wav", tone())], "send one recording per request"),
        ([("recording", "a.wav", tone())], "audio_file: missing"),
    ],
)  # fmt: skip
def test_a_common_mistake_is_told_with_what_to_change(
    client: TestClient, parts: list[tuple[str, str | None, bytes]], words: str
) -> None:
    answer = client.post("/asr", **form(*parts, ("task", None, b"transcribe")))
    assert answer.status_code == 400
    assert words in answer.json()["detail"]


def test_a_header_without_boundary_is_told(client: TestClient) -> None:
    answer = client.post("/asr", content=b"--x\r\n", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 400
    assert "lacks its boundary" in answer.json()["detail"]
    assert "let the client library write it" in answer.json()["detail"]


def test_few_raw_samples_without_a_file_name_are_no_text(client: TestClient) -> None:
    parts = [("audio_file", None, bytes(3200)), ("encode", None, b"false")]
    assert client.post("/asr", **form(*parts)).status_code == 200


def test_no_file_of_a_form_is_dropped_in_silence(client: TestClient) -> None:
    parts = [
        ("language", "blob", b"de"),
        ("output", "blob", b"srt"),
        ("audio_file", "a.wav", tone()),
        ("cover\u20ac", "c.png", b"x"),
        ("cover\u20ac", "d.png", b"x"),
    ]
    answer = client.post("/asr", **form(*parts))
    assert answer.status_code == 200
    assert answer.json()["warnings"] == [
        "language was sent as a file and was ignored; send it as a plain form field",
        "output was sent as a file and was ignored; send it as a plain form field",
        "the file 'cover\\u20ac' was ignored; the recording is audio_file",
    ]
    many = client.post("/asr", **form(("file", "a.wav", tone()), *((f"f{n}", "f", b"") for n in range(30))))
    assert many.json()["warnings"][-2:] == [
        "the file 'f9' was ignored; the recording is file",
        "20 more files were ignored",
    ]


class SilentEngines(FakeEngines):
    """Hears nobody."""

    def transcribe(self, *_: object) -> Transcription:
        return Transcription((), "en")


@pytest.mark.parametrize("output", ["", "json", "srt", "vtt", "txt", "tsv"])
def test_that_nobody_spoke_is_told_in_every_form(tmp_path: Path, output: str) -> None:
    with in_process(SilentEngines(), tmp_path) as client:
        answer = send(client, output=output)
    assert answer.status_code == 200
    if output in ("", "json"):
        assert answer.json()["warnings"] == ["no speech was found"]
        assert answer.json()["text"] == ("" if output else [])
    else:
        assert answer.headers["x-asr-warnings"] == "no speech was found"


def test_speaker_counts_reach_the_engine_by_name(client: TestClient, engines: FakeEngines) -> None:
    send(client, {"min_speakers": "2", "max_speakers": "5"})
    send(client, {"num_speakers": "3", "max_speakers": "5"})
    assert engines.bounds == [SpeakerCountRange(2, 5), SpeakerCountRange(3, 3)]


def test_raw_samples_turn_speakers_off_unless_asked_for(client: TestClient, engines: FakeEngines) -> None:
    samples = bytes(32000)
    assert "speaker" not in send(client, None, samples, encode="false").text
    assert engines.bounds == []
    assert "SPEAKER_00" in send(client, None, samples, encode="false", diarize="true").text


def test_a_detected_language_survives_the_alignment(tmp_path: Path) -> None:
    """Fault 4."""
    with in_process(FakeEngines(language="de"), tmp_path) as client:
        body = send(client).json()
    assert body["language"] == "de"
    assert any("ALIGN_MODELS" in warning for warning in body["warnings"])


def test_a_translation_is_never_aligned(tmp_path: Path) -> None:
    """Fault 5: its words are not the ones that are said; Whisper's attention tells when they are meant."""
    with in_process(FakeEngines(align_failure=AssertionError("aligned")), tmp_path) as client:
        body = send(client, {"task": "translate"}).json()
    assert [word["word"] for word in body["word_segments"]] == ["hello", "there"]
    assert ["the words of a translation are timed by" in warning for warning in body["warnings"]] == [True]


def test_switches_are_read_as_people_write_them(client: TestClient, engines: FakeEngines) -> None:
    for word in ("false", "False", "0", "no", "off"):
        assert "speaker" not in send(client, {"diarize": word}).text
    for word in ("true", "True", "1", "yes", "on"):
        assert "SPEAKER_00" in send(client, {"diarize": word}).text


def test_the_same_value_in_both_places_is_no_conflict(client: TestClient) -> None:
    assert (
        send(client, {"language": "English", "diarize": "1"}, language="en", diarize="true").status_code
        == 200
    )
