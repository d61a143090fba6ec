"""One person per channel: who is heard where, what they are called, how much memory it takes.

With engines that say "hello there" of any sound; real calls are in tests/e2e/test_calls.py.
"""

import gc
import json
import weakref
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import pytest

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.interfaces import Transcription, TranscriptionRequest
from app.events import Listener, nobody_listens
from app.transcript import Segment
from tests.audio.test_cross_talk import SECONDS, turns
from tests.calls import Sound, flac
from tests.fake_engines import FakeEngines
from tests.in_process import in_process


@pytest.fixture(scope="module")
def call() -> bytes:
    return flac(np.stack([turns(1, 0), turns(2, 1)]).astype(np.float32))


def ask(engines: FakeEngines, directory: Path, recording: bytes, **options: str) -> httpx.Response:
    with in_process(engines, directory) as client:
        return client.post("/asr", data=options, files={"audio_file": ("call.flac", recording)})


def loud_seconds(waveform: Waveform) -> set[int]:
    return {
        second
        for second in range(SECONDS)
        if np.abs(waveform[second * 16000 : (second + 1) * 16000]).max() > 300
    }


def test_every_channel_is_heard_on_its_own_and_is_the_speaker(tmp_path: Path, call: bytes) -> None:
    engines = FakeEngines()
    answer = ask(engines, tmp_path, call, channels="split").json()
    assert [loud_seconds(heard) for heard in engines.heard] == [
        {second for second in range(SECONDS) if second // 4 % 2 == channel} for channel in (0, 1)
    ]
    assert [segment["speaker"] for segment in answer["segments"]] == ["CHANNEL_0", "CHANNEL_1"]
    assert {word["speaker"] for word in answer["word_segments"]} == {"CHANNEL_0", "CHANNEL_1"}
    assert answer["duration"] == SECONDS
    assert engines.bounds == []
    assert "warnings" not in answer


def test_names_may_be_given_to_some_of_the_channels(tmp_path: Path, call: bytes) -> None:
    def speakers(names: str) -> tuple[list[str], list[str]]:
        answer = ask(FakeEngines(), tmp_path, call, channels="split", channel_names=names).json()
        return [segment["speaker"] for segment in answer["segments"]], answer.get("warnings", [])

    assert speakers("Agent, Customer") == (["Agent", "Customer"], [])
    assert speakers("Agent") == (["Agent", "CHANNEL_1"], [])
    assert speakers("A,B,C")[1] == ["channel_names: the recording has 2 channels; further names were ignored"]


def test_several_people_on_a_channel_are_told_apart_on_demand(tmp_path: Path, call: bytes) -> None:
    options = {"channels": "split", "diarize": "true", "return_speaker_embeddings": "true"}
    answer = ask(FakeEngines(), tmp_path, call, channel_names="Agent,Guests", **options).json()
    names = {f"{channel}_SPEAKER_0{number}" for channel in ("Agent", "Guests") for number in (0, 1)}
    assert {word["speaker"] for word in answer["word_segments"]} == names
    assert set(answer["speaker_embeddings"]) == names


@dataclass
class TwoEngines(FakeEngines):
    """Hears people who speak at the same time, and says so in another language on each channel."""

    spoken: list[tuple[float, float, str]] = field(
        default_factory=lambda: [(0.0, 6.0, "one"), (9.0, 9.5, "three"), (2.0, 3.0, "two")]
    )
    alive: list[int] = field(default_factory=list)
    known: list["weakref.ref[Waveform]"] = field(default_factory=list)

    def transcribe(
        self,
        waveform: Waveform,
        request: TranscriptionRequest,
        checkpoint: Checkpoint,
        tell: Listener = nobody_listens,
    ) -> Transcription:
        self.known.append(weakref.ref(waveform))
        gc.collect()
        self.alive.append(sum(each() is not None for each in self.known))
        if len(self.known) == 1:
            return Transcription(tuple(Segment(*each) for each in self.spoken[:2]), "en")
        return Transcription((Segment(*self.spoken[2]),), "de")


def test_segments_come_in_one_order_of_time_with_overlaps_kept(tmp_path: Path, call: bytes) -> None:
    answer = ask(TwoEngines(), tmp_path, call, channels="split", word_timestamps="false").json()
    assert [(each["text"], each["start"], each["end"]) for each in answer["segments"]] == [
        ("one", 0.0, 6.0),
        ("two", 2.0, 3.0),
        ("three", 9.0, 9.5),
    ]
    assert answer["language"] == "en"
    assert answer["warnings"] == ["the channels are in several languages: en, de"]


def test_one_channel_is_in_memory_at_a_time(tmp_path: Path, call: bytes) -> None:
    engines = TwoEngines()
    ask(engines, tmp_path, call, channels="split")
    assert engines.alive == [1, 1]


def stereo(one: Sound, other: Sound) -> bytes:
    return flac(np.stack([one, other]).astype(np.float32))


@pytest.mark.parametrize(
    ("recording", "asked", "speakers", "warning"),
    [
        (stereo(turns(1, 0), turns(2, 1)), "auto", 2, "the channels hold different people"),
        (stereo(turns(1, 0), 0.5 * turns(1, 0)), "auto", 0, None),
        (stereo(turns(1, 0), turns(1, 0)), "split", 0, "all channels hold the same sound; they were mixed"),
        (flac(turns(1, 0)), "split", 0, "the recording has one channel"),
        (flac(turns(1, 0)), "auto", 0, None),
        (
            flac(np.stack([turns(1, 0)] * 20), "WAV"),
            "split",
            0,
            "20 channels are more than 16; they were mixed",
        ),
    ],
)
def test_what_is_not_one_person_per_channel_is_mixed_with_a_word_about_it(
    tmp_path: Path, recording: bytes, asked: str, speakers: int, warning: str | None
) -> None:
    engines = FakeEngines()
    answer = ask(engines, tmp_path, recording, channels=asked, diarize="false").json()
    assert len({each.get("speaker") for each in answer["segments"]} - {None}) == speakers
    assert len(engines.heard) == max(1, speakers)
    said = answer.get("warnings", [])
    assert [warning in each for each in said] == ([True] if warning else [])


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.7])
def test_the_shortest_recordings_are_split_or_mixed_like_others(tmp_path: Path, seconds: float) -> None:
    short = flac(np.stack([turns(1, 0), turns(2, 0)])[:, 8000 : 8000 + int(seconds * 16000)])
    for asked in ("split", "auto"):
        assert ask(FakeEngines(), tmp_path, short, channels=asked).status_code == 200


def test_a_stream_tells_of_channels_when_all_are_heard(tmp_path: Path, call: bytes) -> None:
    form = {"stream": "true", "channels": "split", "response_format": "json"}
    with in_process(TwoEngines(), tmp_path) as client:
        answer = client.post("/v1/audio/transcriptions", data=form, files={"file": ("call.flac", call)})
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    assert [(each["type"], each.get("delta") or each.get("text")) for each in events] == [
        ("transcript.text.delta", "one two three"),
        ("transcript.text.done", "one two three"),
    ]


def test_openai_s_speakers_may_be_channels(tmp_path: Path, call: bytes) -> None:
    form = {"response_format": "diarized_json", "channels": "split", "channel_names": "Agent,Customer"}
    with in_process(FakeEngines(), tmp_path) as client:
        answer = client.post(
            "/v1/audio/transcriptions", data=form, files={"file": ("call.flac", call)}
        ).json()
    assert {each["speaker"][:5] for each in answer["segments"]} <= {"A", "B", "C", "D"}
