"""OpenAI's Python SDK against the running service: every form of answer, as it reads them."""

import asyncio
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pysubs2
import pytest
import requests
import soundfile
import webvtt

from app.models.known_models import OPENAI_NAMES
from tests.conftest import DEMO, first_seconds
from tests.conftest import OPENING_SECONDS as SECONDS
from tests.service import Service
from tests.truth import compare
from tests.v1.conftest import Cut
from tests.v1.forms import send

FIGURES = {
    "id": int,
    "seek": int,
    "start": (int, float),
    "end": (int, float),
    "text": str,
    "tokens": list,
    "temperature": (int, float),
    "avg_logprob": (int, float),
    "compression_ratio": (int, float),
    "no_speech_prob": (int, float),
}


def create(sdk: openai.OpenAI, path: Path, **fields: Any) -> Any:
    return sdk.audio.transcriptions.create(file=path, **{"model": "whisper-1", **fields})


def raw(service: Service, path: Path, **fields: str) -> httpx.Response:
    with httpx.Client(base_url=service.url, timeout=300) as client:
        answer: httpx.Response = send(client, path.read_bytes(), *fields.items())
        return answer


@pytest.fixture(scope="module")
def plain(sdk: openai.OpenAI, opening: Path) -> Any:
    return create(sdk, opening)


def test_the_plain_answer(plain: Any, live_service: Service, opening: Path) -> None:
    assert plain.text == plain.text.strip()
    assert plain.text.startswith("Hello Julia, how are you? Let us talk about the schedule")
    assert "  " not in plain.text
    assert plain.usage.type == "duration"
    answer = raw(live_service, opening, model="whisper-1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.endswith("}")
    document = answer.json()
    assert document["usage"] == {"type": "duration", "seconds": math.ceil(SECONDS)}
    assert isinstance(document["usage"]["seconds"], int)
    assert document["languages"] == [{"code": "en"}]


@pytest.mark.parametrize("model", ["", "demo", *OPENAI_NAMES])
def test_every_name_of_openai_means_the_default_model(
    sdk: openai.OpenAI, cut: Cut, tmp_path: Path, model: str
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(cut((0, 5), form="WAV"))
    assert create(sdk, path, model=model).text.startswith("Hello Julia")


def test_a_request_without_a_model(live_service: Service, opening: Path, plain: Any) -> None:
    assert raw(live_service, opening).json()["text"] == plain.text


def test_text_is_a_text_in_utf8(sdk: openai.OpenAI, live_service: Service, opening: Path, plain: Any) -> None:
    text = create(sdk, opening, response_format="text")
    assert isinstance(text, str)
    assert text == plain.text + "\n"
    german = first_seconds(DEMO / "besprechung.flac", 5.9)
    answer = requests.post(
        f"{live_service.url}/v1/audio/transcriptions",
        files={"file": ("besprechung.flac", german)},
        data={"response_format": "text"},
        timeout=300,
    )
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert re.search("[äöüß]", answer.text)


def test_subtitles(sdk: openai.OpenAI, live_service: Service, opening: Path) -> None:
    text = create(sdk, opening, response_format="srt")
    assert text.startswith("1\n00:00:0")
    assert text.endswith("\n\n\n")
    assert "[" not in text
    subtitles = pysubs2.SSAFile.from_string(text)
    assert len(subtitles) >= 6
    assert raw(live_service, opening, response_format="srt").headers["content-type"].startswith("text/plain;")
    vtt = create(sdk, opening, response_format="vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:")
    assert len(webvtt.from_string(vtt)) == len(subtitles)


def test_a_verbose_answer_has_ten_real_figures_for_each_segment(sdk: openai.OpenAI, opening: Path) -> None:
    answer = create(sdk, opening, response_format="verbose_json")
    assert (answer.task, answer.language) == ("transcribe", "english")  # type: ignore[attr-defined]
    assert answer.duration == SECONDS
    assert answer.words is None
    document = answer.to_dict()
    assert "words" not in document
    assert len(document["segments"]) >= 6
    for number, segment in enumerate(document["segments"]):
        assert segment["id"] == number
        assert set(segment) == set(FIGURES)
        for name, kind in FIGURES.items():
            assert isinstance(segment[name], kind), name
        assert 0 <= segment["start"] <= segment["end"] <= SECONDS
        assert -1 < segment["avg_logprob"] < 0
        assert 0.5 < segment["compression_ratio"] < 2.4
        assert 0 < segment["no_speech_prob"] < 0.5
        assert segment["tokens"]
        assert all(type(token) is int for token in segment["tokens"])
        assert segment["text"] == " " + segment["text"].strip()
    assert " ".join(segment["text"].strip() for segment in document["segments"]) == answer.text
    assert len({segment["avg_logprob"] for segment in document["segments"]}) > 1


def test_words_come_alone_or_beside_the_segments(sdk: openai.OpenAI, opening: Path) -> None:
    words = create(sdk, opening, response_format="verbose_json", timestamp_granularities=["word"]).to_dict()
    assert "segments" not in words
    both = create(
        sdk, opening, response_format="verbose_json", timestamp_granularities=["word", "segment"]
    ).to_dict()
    assert both["words"] == words["words"]
    assert both["segments"]
    ends = [0.0]
    for word in both["words"]:
        assert 0 <= word["start"] <= word["end"] <= SECONDS
        assert word["word"] == word["word"].strip()
        assert word["start"] >= ends[-1] - 0.01
        ends.append(word["end"])
    truth = json.loads((DEMO / "meeting.json").read_text())["words"]
    compared = compare([word for word in truth if word["end"] < SECONDS - 0.5], both["words"])
    assert compared.errors <= 3


def test_tokens_with_their_probabilities(sdk: openai.OpenAI, opening: Path, plain: Any) -> None:
    answer = create(sdk, opening, include=["logprobs"])
    assert plain.logprobs is None
    tokens = answer.logprobs
    assert b"".join(bytes(map(int, token.bytes)) for token in tokens).decode().split() == answer.text.split()
    assert all(-15 < token.logprob <= 0 for token in tokens)
    assert "".join(token.token for token in tokens).split() == answer.text.split()
    assert len({token.logprob for token in tokens}) > len(tokens) / 2


@pytest.fixture(scope="module")
def diarized(sdk: openai.OpenAI) -> Any:
    asked = {"response_format": "diarized_json", "chunking_strategy": "auto"}
    return create(sdk, DEMO / "meeting.flac", model="gpt-4o-transcribe-diarize", **asked)


def test_a_diarized_answer_says_who_said_what(diarized: Any) -> None:
    truth = json.loads((DEMO / "meeting.json").read_text())
    assert diarized.task == "transcribe"
    assert diarized.duration == pytest.approx(truth["duration"], abs=0.01)
    speakers = [segment.speaker for segment in diarized.segments]
    assert list(dict.fromkeys(speakers)) == ["A", "B", "C"]
    ids = [segment.id for segment in diarized.segments]
    assert ids == [f"seg_{number}" for number in range(len(ids))]
    assert {segment.type for segment in diarized.segments} == {"transcript.text.segment"}
    assert diarized.text == " ".join(segment.text for segment in diarized.segments)
    said = [
        {"word": word, "speaker": segment.speaker, "start": segment.start, "end": segment.end}
        for segment in diarized.segments
        for word in segment.text.split()
    ]
    compared = compare(truth["words"], said)
    assert compared.errors <= 0.05 * compared.total
    names = {"SPEAKER_00": "A", "SPEAKER_01": "B", "SPEAKER_02": "C"}
    assert wrong_speakers(truth["words"], diarized.segments, names) <= 0.03


def wrong_speakers(words: list[dict[str, Any]], segments: Any, names: dict[str, str]) -> float:
    """Return the share of the true words that stand in no segment of who said them."""
    wrong = sum(
        not any(
            segment.speaker == names[word["speaker"]]
            and segment.start - 0.1 <= (word["start"] + word["end"]) / 2 <= segment.end + 0.1
            for segment in segments
        )
        for word in words
    )
    return wrong / len(words)


def test_a_chunking_strategy_changes_nothing(sdk: openai.OpenAI, opening: Path) -> None:
    strategy = {"type": "server_vad", "threshold": 0.5}
    answers = [
        create(sdk, opening, response_format="diarized_json", **more).to_dict()
        for more in ({}, {"chunking_strategy": strategy}, {"chunking_strategy": "auto"})
    ]
    assert answers[0] == answers[1] == answers[2]
    with pytest.raises(openai.BadRequestError) as caught:
        create(sdk, opening, chunking_strategy={"type": "x"})
    assert caught.value.param == "chunking_strategy"


def test_our_own_options_go_in_the_extra_body(sdk: openai.OpenAI, opening: Path) -> None:
    extra = {"diarize": True, "unknown": 1}
    answer = create(sdk, opening, response_format="verbose_json", extra_body=extra)
    assert {segment["speaker"] for segment in answer.to_dict()["segments"]} == {
        "SPEAKER_00",
        "SPEAKER_01",
        "SPEAKER_02",
    }


def test_translations(sdk: openai.OpenAI) -> None:
    german = ("besprechung.flac", first_seconds(DEMO / "besprechung.flac", 5.9))

    def translate(**fields: Any) -> Any:
        with pytest.warns(DeprecationWarning, match="deprecated"):
            return sdk.audio.translations.create(file=german, model="whisper-1", **fields)

    text = translate().text
    assert {"the", "we"} & set(text.lower().split())
    verbose = translate(response_format="verbose_json")
    assert verbose.language == "english"
    assert verbose.to_dict()["task"] == "translate"
    assert verbose.text == text
    assert translate(response_format="text").strip() == text
    assert translate(response_format="srt").startswith("1\n00:00:0")
    assert translate(response_format="vtt").startswith("WEBVTT\n\n")
    with pytest.raises(openai.BadRequestError):
        translate(response_format="diarized_json")


def test_silence_is_an_empty_answer_of_every_form(sdk: openai.OpenAI) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(3 * 16000, np.int16), 16000, format="WAV")

    def silent(**fields: Any) -> Any:
        file = ("silence.wav", buffer.getvalue())
        return sdk.audio.transcriptions.create(file=file, model="whisper-1", **fields)

    assert silent().text == ""
    assert silent(response_format="text").strip() == ""
    assert silent(response_format="srt") == ""
    assert silent(response_format="vtt") == "WEBVTT\n\n"
    assert silent(response_format="verbose_json").segments == []
    assert silent(response_format="diarized_json").segments == []


def test_two_at_once_asynchronously(live_service: Service, opening: Path, plain: Any) -> None:
    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{live_service.url}/v1", api_key="any") as client:
            asked = (client.audio.transcriptions.create(file=opening, model="whisper-1") for _ in range(2))
            return [answer.text for answer in await asyncio.gather(*asked)]

    assert asyncio.run(ask()) == [plain.text] * 2


def test_every_model_of_the_list_can_be_retrieved(sdk: openai.OpenAI) -> None:
    listed = sdk.models.list().data
    names = [model.id for model in listed]
    assert names[0] == "demo"
    assert set(OPENAI_NAMES) <= set(names)
    for model in listed:
        assert sdk.models.retrieve(model.id) == model
    assert sdk.models.retrieve("Systran/faster-whisper-tiny").owned_by == "Systran"
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.models.retrieve("nothing/of-this-name")
    assert caught.value.code == "model_not_found"
