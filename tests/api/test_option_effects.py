"""No option is decoration: each visibly changes what the service makes of a recording of the bundle."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import httpx
import numpy as np
import pytest
import soundfile

from app.options.asr_options import AsrOptions
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.service import Service

Ask: TypeAlias = Callable[..., httpx.Response]

OPENING_SECONDS = 23.4
"""The first six turns of the meeting, in which all three people speak."""


def test_every_option_has_its_test_below() -> None:
    assert [name for name in AsrOptions.model_fields if f"test_{name}" not in globals()] == []


@pytest.fixture(scope="module")
def ask(live_service: Service, meeting: Path) -> Iterator[Ask]:
    """Send the opening of the meeting with some options; the same options are sent once only."""
    samples, rate = soundfile.read(meeting, dtype="int16")
    opening = io.BytesIO()
    soundfile.write(opening, samples[: int(OPENING_SECONDS * rate)], rate, format="FLAC")
    answers: dict[tuple[tuple[str, object], ...], httpx.Response] = {}
    with httpx.Client(base_url=live_service.url, timeout=300) as client:

        def ask(**options: object) -> httpx.Response:
            key = tuple(sorted(options.items()))
            if key not in answers:
                files = {"audio_file": ("opening.flac", opening.getvalue())}
                answers[key] = client.post("/asr", data=options, files=files)
            return answers[key]

        yield ask


def text_of(answer: httpx.Response) -> str:
    return " ".join(segment["text"] for segment in answer.json()["segments"])


def speakers_of(answer: httpx.Response) -> set[str]:
    return {word["speaker"] for word in answer.json()["word_segments"] if "speaker" in word}


def test_task(live_service: Service, meeting: Path) -> None:
    german = (meeting.parent / "besprechung.flac").read_bytes()

    def words(task: str) -> set[str]:
        form = {"task": task, "diarize": "false"}
        answer = httpx.post(
            f"{live_service.url}/asr", data=form, files={"audio_file": ("b.flac", german)}, timeout=300
        )
        assert answer.json()["language"] == "de"
        assert bool(answer.json()["word_segments"]) == (task == "transcribe")
        return set(text_of(answer).lower().split())

    assert {"the", "und"} & words("transcribe") == {"und"}
    assert {"the", "und"} & words("translate") == {"the"}


def test_temperature(ask: Ask, live_service: Service, meeting: Path) -> None:
    """What it draws is left to chance; verbose_json says what was decoded with."""
    assert ask(temperature=1.1).json()["code"] == "invalid_parameter"
    for written, temperature in (("0", 0.0), ("1", 1.0)):
        form = {"response_format": "verbose_json", "temperature": written}
        url = f"{live_service.url}/v1/audio/transcriptions"
        answer = httpx.post(url, data=form, files={"file": ("m.flac", meeting.read_bytes())}, timeout=300)
        assert {segment["temperature"] for segment in answer.json()["segments"]} == {temperature}


def test_language(ask: Ask) -> None:
    assert ask().json()["language"] == "en"
    assert ask(language="German", diarize=False).json()["language"] == "de"


def test_model(ask: Ask) -> None:
    assert ask().json()["model"] == "demo"
    other = ask(model="tiny")
    assert (other.status_code, other.json()["code"]) == (503, "model_unavailable")
    assert "tiny" in other.json()["detail"]


def test_output_format(ask: Ask) -> None:
    answers = [ask(output_format=name, diarize=False) for name in ("json", "text", "srt", "vtt", "tsv")]
    assert len({answer.headers["content-type"] for answer in answers}) == 5
    assert len({answer.text for answer in answers}) == 5


def test_word_timestamps(ask: Ask) -> None:
    assert len(ask().json()["word_segments"]) > 30
    without = ask(word_timestamps=False).json()
    assert without["word_segments"] == []
    assert all("words" not in segment for segment in without["segments"])


def test_diarize(ask: Ask) -> None:
    assert len(speakers_of(ask())) == 3
    assert "speaker" not in ask(diarize=False).text


@pytest.mark.parametrize("count", [2, 3])
def test_num_speakers(ask: Ask, count: int) -> None:
    assert len(speakers_of(ask(num_speakers=count))) == count


def test_min_speakers(ask: Ask) -> None:
    assert len(speakers_of(ask(min_speakers=4))) >= 4 > len(speakers_of(ask()))


def test_max_speakers(ask: Ask) -> None:
    assert len(speakers_of(ask(max_speakers=1))) == 1 < len(speakers_of(ask()))


def test_initial_prompt(ask: Ask) -> None:
    assert "Hello Julia" in text_of(ask(diarize=False))
    assert "Hello Giulia" in text_of(ask(diarize=False, initial_prompt="Giulia, Ana."))


def test_hotwords(ask: Ask) -> None:
    assert "Hello Julia" in text_of(ask(diarize=False))
    assert "Hello Giulia" in text_of(ask(diarize=False, hotwords="Giulia, Ana"))


def test_return_speaker_embeddings(ask: Ask) -> None:
    assert "speaker_embeddings" not in ask().json()
    answer = ask(return_speaker_embeddings=True)
    vectors = answer.json()["speaker_embeddings"]
    assert set(vectors) == speakers_of(answer)
    assert len({len(vector) for vector in vectors.values()}) == 1
    assert len({tuple(vector) for vector in vectors.values()}) == len(vectors)


def test_encode(live_service: Service, meeting: Path) -> None:
    samples, _ = soundfile.read(meeting, dtype="int16", frames=5 * 16000)
    upload = {"audio_file": ("pcm", samples.tobytes())}
    address = f"{live_service.url}/asr"
    raw = httpx.post(address, data={"encode": "false"}, files=upload, timeout=300)
    assert raw.json()["duration"] == 5.0
    assert len(raw.json()["word_segments"]) > 5
    assert httpx.post(address, files=upload, timeout=300).status_code == 400


def test_split_speakers(live_service: Service, meeting: Path) -> None:
    """One person begins a sentence and another ends it: cut together from what both really say."""
    samples, rate = soundfile.read(meeting, dtype="int16")
    cuts = [(2.28, 4.08), (7.15, 8.6), (4.81, 5.3), (0, 4.9), (5.5, 9.2)]
    recording = io.BytesIO()
    pieces = [samples[int(start * rate) : int(end * rate)] for start, end in cuts]
    soundfile.write(recording, np.concatenate(pieces), rate, format="FLAC")

    def first_lines(split: str) -> list[tuple[str, str]]:
        files = {"audio_file": ("cut.flac", recording.getvalue())}
        form = {"split_speakers": split}
        answer = httpx.post(f"{live_service.url}/asr", data=form, files=files, timeout=300)
        segments = answer.json()["segments"]
        return [(segment["speaker"], segment["text"]) for segment in segments[:2]]

    begin, end = "Let us talk about the schedule", "and I live in Paris."
    assert first_lines("true") == [("SPEAKER_00", begin), ("SPEAKER_01", end)]
    assert first_lines("false")[0] == ("SPEAKER_00", f"{begin} {end}")


@pytest.mark.parametrize(("fill", "without"), [("true", []), ("false", ["far", "away"])])
def test_fill_nearest(tmp_path: Path, fill: str, without: list[str]) -> None:
    """With engines that answer at once: the diarizer of the bundle leaves no word outside every turn."""
    form = {"initial_prompt": "near by far away", "fill_nearest": fill}
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post("/asr", data=form, files={"audio_file": ("a.wav", tone(3))})
    assert [word["word"] for word in answer.json()["word_segments"] if "speaker" not in word] == without


def test_max_line_width(ask: Ask) -> None:
    def widest(answer: httpx.Response) -> int:
        return max(len(line) for line in answer.text.splitlines() if " --> " not in line)

    narrow = ask(output_format="srt", diarize=False, max_line_width=16)
    assert widest(narrow) <= 16 < widest(ask(output_format="srt", diarize=False))


def test_max_line_count(ask: Ask) -> None:
    def most_lines(answer: httpx.Response) -> int:
        return max(len(cue.splitlines()) - 2 for cue in answer.text.strip().split("\n\n"))

    narrow = {"output_format": "srt", "diarize": False, "max_line_width": 16}
    assert most_lines(ask(**narrow)) == 2
    assert most_lines(ask(**narrow, max_line_count=1)) == 1


def test_highlight_words(ask: Ask) -> None:
    plain = ask(output_format="srt", diarize=False)
    marked = ask(output_format="srt", diarize=False, highlight_words=True)
    assert plain.text.count("<u>") == 0
    assert marked.text.count("<u>") > 30
