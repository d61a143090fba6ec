"""The fields of /v1/audio in every spelling, and what they come to."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.v1.forms import TRANSLATIONS, data_url, error_of, send

VERBOSE = ("response_format", "verbose_json")


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines()


@pytest.fixture
def client(engines: FakeEngines, tmp_path: Path) -> Iterator[TestClient]:
    with in_process(engines, tmp_path, preload_diarization=True) as client:
        yield client


@pytest.mark.parametrize(
    "fields",
    [
        [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")],
        [("timestamp_granularities", "word"), ("timestamp_granularities", "segment")],
        [("timestamp_granularities[1]", "segment"), ("timestamp_granularities[0]", "word")],
        [("timestamp_granularities", '["word", "segment"]')],
        [("timestamp_granularities[]", "word,segment")],
        [("timestamp_granularities", "segment, word"), ("timestamp_granularities[]", "")],
    ],
)
def test_an_array_is_read_in_every_spelling(client: TestClient, fields: list[tuple[str, str]]) -> None:
    both = [("timestamp_granularities[]", each) for each in ("word", "segment")]
    usual = send(client, tone(), VERBOSE, *both).json()
    assert {"words", "segments"} <= set(usual)
    assert send(client, tone(), VERBOSE, *fields).json() == usual


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ([], {"segments"}),
        (["segment"], {"segments"}),
        (["word"], {"words"}),
        (["word", "segment"], {"words", "segments"}),
    ],
)
def test_granularities_decide_what_is_there_and_the_rest_is_absent(
    client: TestClient, asked: list[str], keys: set[str]
) -> None:
    fields = [("timestamp_granularities[]", each) for each in asked]
    answer = send(client, tone(), VERBOSE, *fields).json()
    assert set(answer) & {"words", "segments"} == keys


def test_granularities_with_another_form_are_ignored_with_a_warning(client: TestClient) -> None:
    answer = send(client, tone(), ("response_format", "json"), ("timestamp_granularities[]", "word"))
    assert answer.status_code == 200
    assert "timestamp_granularities" in answer.headers["x-asr-warnings"]


@pytest.mark.parametrize(
    ("field", "parameter", "words"),
    [
        (("timestamp_granularities[]", "phrase"), "timestamp_granularities", "word or segment"),
        (("include[]", "x"), "include", "logprobs"),
        (("include", "[1"), "include", "JSON"),
        (("response_format", "xml"), "response_format", "diarized_json"),
        (("language", "xx"), "language", "xx"),
        (("languages[]", "xx"), "languages", "xx"),
        (("temperature", "2"), "temperature", "0 to 1"),
        (("temperature", "-0.1"), "temperature", "0 to 1"),
        (("temperature", "nan"), "temperature", "0 to 1"),
        (("temperature", "1e999"), "temperature", "0 to 1"),
        (("temperature", "warm"), "temperature", "0 to 1"),
        (("stream", "perhaps"), "stream", "true or false"),
        (("chunking_strategy", "sometimes"), "chunking_strategy", "server_vad"),
        (("chunking_strategy", '{"type":"x"}'), "chunking_strategy", "server_vad"),
        (("chunking_strategy[type]", "x"), "chunking_strategy", "server_vad"),
        (("num_speakers", "many"), "num_speakers", "1 to 32"),
    ],
)
def test_a_wrong_value_names_its_field_and_what_is_allowed(
    client: TestClient, field: tuple[str, str], parameter: str, words: str
) -> None:
    error = error_of(send(client, tone(), field), 400)
    assert error["param"] == parameter
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"
    assert error["code"] in ("invalid_value", "unsupported_value")


@pytest.mark.parametrize(
    "fields",
    [[("language", text)] for text in ("en", "EN", "en-US", "english", "", "auto", "null")]
    + [
        [("temperature", text)]
        for text in ("0", "0.5", "0.00", "", "1", ".20", "1e-05", "0.30000000000000004")
    ]
    + [[("stream", text)] for text in ("false", "0", "", "False")]
    + [[("model", text)] for text in ("", "whisper-1", "gpt-transcribe", "gpt-4o-mini-transcribe-2025-12-15")]
    + [
        [("languages[]", "en"), ("languages[]", "de")],
        [("chunking_strategy", "auto")],
        [("chunking_strategy", "null")],
        [("chunking_strategy", '{"type": "server_vad", "threshold": 0.5}')],
        [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "0.5")],
        [("include[]", "logprobs")],
        [("prompt", "x" * 9000)],
        [("prompt", "a bell \a in it")],
        [("known_speaker_names[]", ""), ("known_speaker_references[]", "")],
    ],
)
def test_what_clients_send_is_accepted(client: TestClient, fields: list[tuple[str, str]]) -> None:
    answer = send(client, tone(), *fields)
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"]


def test_prompt_and_keywords_reach_the_engine(client: TestClient, engines: FakeEngines) -> None:
    fields = [("prompt", "The weekly\n call."), ("keywords[]", "Julia"), ("keywords[]", "a,b")]
    send(client, tone(), *fields, ("temperature", "0.3"), ("languages[]", "de"), ("languages[]", "en"))
    (request,) = engines.requests
    assert (request.initial_prompt, request.hotwords) == ("The weekly call.", "Julia, a,b")
    assert request.temperature == 0.3
    assert (request.language, request.languages) == (None, ("de", "en"))


@pytest.mark.parametrize(
    ("fields", "language", "candidates"),
    [
        ([("languages[]", "german")], "de", ()),
        ([("languages[]", "en"), ("language", "de")], "de", ()),
        ([("languages[]", "en"), ("languages[]", "auto")], None, ()),
    ],
)
def test_candidates_are_a_language_where_there_is_one(
    client: TestClient,
    engines: FakeEngines,
    fields: list[tuple[str, str]],
    language: str | None,
    candidates: tuple[str, ...],
) -> None:
    send(client, tone(), *fields)
    assert (engines.requests[0].language, engines.requests[0].languages) == (language, candidates)


def test_our_own_options_are_understood_and_unknown_ones_named(client: TestClient) -> None:
    fields = [
        ("diarize", "True"),
        ("num_speakers", "2"),
        ("unknown", "1"),
        ("vad[mode]", "x"),
        ("task", "translate"),
    ]
    answer = send(client, tone(), VERBOSE, *fields)
    assert [segment["speaker"] for segment in answer.json()["segments"]] == ["SPEAKER_00", "SPEAKER_01"]
    for word in ("unknown", "vad[mode]", "task"):
        assert word in answer.headers["x-asr-warnings"]
    assert answer.json()["task"] == "transcribe"


def test_nobody_is_told_apart_unasked(client: TestClient, engines: FakeEngines) -> None:
    answer = send(client, tone(), VERBOSE)
    assert engines.bounds == []
    assert "speaker" not in answer.json()["segments"][0]


def test_a_field_sent_twice_with_two_values_is_refused(client: TestClient) -> None:
    both = send(client, tone(), ("response_format", "json"), ("response_format", "srt"))
    assert error_of(both, 400)["param"] == "response_format"
    assert send(client, tone(), ("language", "en"), ("language", "en")).status_code == 200
    assert error_of(send(client, tone(), ("language", "en"), ("language", "de")), 400)["param"] == "language"


@pytest.mark.parametrize(
    ("fields", "parameter"),
    [
        ([("known_speaker_names[]", "Ann")], "known_speaker_names"),
        ([("known_speaker_references[]", data_url(tone()))], "known_speaker_references"),
        (
            [("known_speaker_names[]", "Ann"), ("known_speaker_references[]", "data:audio/wav;base64,@@@")],
            "known_speaker_references",
        ),
        (
            [("known_speaker_names[]", "Ann"), ("known_speaker_references[]", "https://x/a.wav")],
            "known_speaker_references",
        ),
        (
            [
                ("known_speaker_names[0]", "Ann"),
                ("known_speaker_names[1]", "Ann"),
                ("known_speaker_references[0]", data_url(tone())),
                ("known_speaker_references[1]", data_url(tone())),
            ],
            "known_speaker_names",
        ),
    ],
)
def test_known_speakers_that_make_no_sense_are_refused(
    client: TestClient, fields: list[tuple[str, str]], parameter: str
) -> None:
    error = error_of(send(client, tone(), ("response_format", "diarized_json"), *fields), 400)
    assert error["param"] == parameter


@pytest.mark.parametrize(("many", "status"), [(5, 200), (33, 400)])
def test_more_voices_than_openai_allows_may_be_known(client: TestClient, many: int, status: int) -> None:
    voices = [("known_speaker_references[]", data_url(tone()))] * many
    names = [("known_speaker_names[]", f"Speaker {number}") for number in range(many)]
    answer = send(client, tone(), ("response_format", "diarized_json"), *names, *voices)
    assert answer.status_code == status
    if status == 400:
        assert "at most 32" in error_of(answer, 400)["message"]


def test_a_stream_of_a_document_is_refused_before_it_begins(client: TestClient) -> None:
    for form in ("srt", "vtt", "text"):
        error = error_of(send(client, tone(), ("stream", "true"), ("response_format", form)), 400)
        assert (error["param"], error["code"]) == ("stream", "unsupported_value")


def test_a_translation_has_fewer_forms(client: TestClient, engines: FakeEngines) -> None:
    refused = send(client, tone(), ("response_format", "diarized_json"), path=TRANSLATIONS)
    assert error_of(refused, 400)["param"] == "response_format"
    answer = send(client, tone(), ("stream", "true"), ("language", "de"), path=TRANSLATIONS)
    assert answer.json() == {"text": "hello there"}
    assert "stream" in answer.headers["x-asr-warnings"]
    assert (engines.requests[-1].task, engines.requests[-1].language) == ("translate", "de")
    verbose = send(client, tone(), VERBOSE, ("language", "de"), path=TRANSLATIONS).json()
    assert (verbose["task"], verbose["language"]) == ("translate", "english")
    assert not {"words", "usage"} & set(verbose)


def test_speakers_cannot_be_refused_in_a_diarized_answer(client: TestClient) -> None:
    fields: list[Any] = [("response_format", "diarized_json"), ("diarize", "false")]
    assert error_of(send(client, tone(), *fields), 400)["param"] == "diarize"


def test_fields_may_stand_in_the_query(client: TestClient) -> None:
    files = {"file": ("a.wav", tone())}
    answer = client.post("/v1/audio/transcriptions?response_format=text&language=en", files=files)
    assert answer.text == "hello there\n"


def test_a_reference_of_three_megabytes_is_no_field_too_long(client: TestClient) -> None:
    names = [("known_speaker_names[]", "Ann"), ("known_speaker_references[]", data_url(b"\0" * 2_900_000))]
    answer = send(client, tone(), ("response_format", "json"), *names)
    assert answer.status_code == 200
    assert "known_speaker_names" in answer.headers["x-asr-warnings"]
