"""Calls with one person per channel, by the real engines: cross-talk is no speech, and nobody is lost."""

from pathlib import Path

import httpx
import pytest

from tests.calls import Call, Sound, flac, make_call
from tests.service import Service
from tests.truth import compare

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="module")
def call() -> Call:
    return make_call(DATA / "conversation-en-2-voices-2.flac", turns=6, overlap=0.27)


def asked(service: Service, sound: Sound, **options: str) -> httpx.Response:
    form = {"language": "en", "diarize": "false", **options}
    files = {"audio_file": ("call.flac", flac(sound))}
    return httpx.post(f"{service.url}/asr", data=form, files=files, timeout=300)


def test_words_are_on_the_channel_of_their_speaker_as_well_as_heard_alone(
    live_service: Service, call: Call
) -> None:
    assert call.overlap == pytest.approx(0.2, abs=0.03)
    heard = asked(live_service, call.with_cross_talk(-25.0), channels="split").json()["word_segments"]
    strays = 0
    for channel in (0, 1):
        here = [word for word in heard if word["speaker"] == f"CHANNEL_{channel}"]
        alone = asked(live_service, call.channels[channel]).json()["word_segments"]
        true = call.words[channel]
        assert compare(true, here).word_error_rate <= compare(true, alone).word_error_rate + 0.005
        strays += len(here) - len(compare(true, here).pairs)
    assert strays <= 0.01 * len(heard)


def test_auto_takes_the_call_apart_and_leaves_a_room_whole(live_service: Service, call: Call) -> None:
    """In the room each microphone is nearer to one of the two."""
    apart = asked(live_service, call.with_cross_talk(), channels="auto", word_timestamps="false").json()
    assert "the channels hold different people" in apart["warnings"][0]
    assert {segment["speaker"] for segment in apart["segments"]} == {"CHANNEL_0", "CHANNEL_1"}
    room = asked(live_service, call.with_cross_talk(-8.0, 0.001), channels="auto", duration="8").json()
    assert "warnings" not in room
    assert all("speaker" not in segment for segment in room["segments"])
