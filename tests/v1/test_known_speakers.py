"""known_speaker_names and known_speaker_references, with the real engines and the SDK."""

from pathlib import Path
from typing import Any

import openai
import pytest

from tests.conftest import DEMO
from tests.truth import load_truth
from tests.v1.conftest import Cut
from tests.v1.forms import data_url

# Sentences of the second half of the meeting, by who says them: the requests hold the first half.
HALF = 30.0


def sample_of(cut: Cut, speaker: str, seconds: float = 5.0, form: str = "WAV") -> bytes:
    """Return so much of what `speaker` says after the first half of the meeting."""
    stretches: list[tuple[float, float]] = []
    left = seconds
    for word in load_truth(DEMO / "meeting.flac")["words"]:
        if word["speaker"] == speaker and word["start"] > HALF and left > 0:
            length = min(left, word["end"] - word["start"])
            stretches.append((word["start"], word["start"] + length))
            left -= length
    assert left <= 0.01
    return cut(*stretches, form=form)


@pytest.fixture(scope="module")
def first_half(cut: Cut, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("half") / "half.flac"
    path.write_bytes(cut((0, HALF)))
    return path


def diarize(sdk: openai.OpenAI, path: Path, known: dict[str, str], **more: Any) -> Any:
    return sdk.audio.transcriptions.create(
        file=path,
        model="gpt-4o-transcribe-diarize",
        response_format="diarized_json",
        known_speaker_names=list(known),
        known_speaker_references=list(known.values()),
        **more,
    )


def who(answer: Any) -> dict[str, str]:
    """Return who says each sentence."""
    return {segment.text: segment.speaker for segment in answer.segments}


MARIA, JULIA, CALLER = "SPEAKER_01", "SPEAKER_00", "SPEAKER_02"
HELLO, NAME, CALLING = "Hello Julia, how are you?", "My name is Maria", "I am calling from Munich"


def speaker_of(answer: Any, words: str) -> str:
    (speaker,) = {speaker for text, speaker in who(answer).items() if text.startswith(words[:14])}
    return speaker


def test_two_known_voices_have_their_names_and_the_third_a_letter(
    sdk: openai.OpenAI, cut: Cut, first_half: Path
) -> None:
    known = {"Maria": data_url(sample_of(cut, MARIA)), "Jo Ü": data_url(sample_of(cut, JULIA))}
    answer = diarize(sdk, first_half, known)
    assert speaker_of(answer, NAME) == "Maria"
    assert speaker_of(answer, HELLO) == "Jo Ü"
    assert speaker_of(answer, CALLING) == "A"
    assert set(who(answer).values()) == {"Maria", "Jo Ü", "A"}


def test_one_known_voice_and_letters_in_order_of_appearance(
    sdk: openai.OpenAI, cut: Cut, first_half: Path
) -> None:
    answer = diarize(
        sdk, first_half, {"Ann": data_url(sample_of(cut, MARIA, 3.0, "OGG"), "audio/ogg;codecs=x")}
    )
    assert [speaker_of(answer, words) for words in (HELLO, NAME, CALLING)] == ["A", "Ann", "B"]


def test_letters_that_were_given_as_names_are_not_given_again(
    sdk: openai.OpenAI, cut: Cut, first_half: Path
) -> None:
    """Speakr hands the letters of its first chunk to the next ones."""
    known = {"A": data_url(sample_of(cut, CALLER)), "B": data_url(sample_of(cut, MARIA))}
    answer = diarize(sdk, first_half, known)
    assert [speaker_of(answer, words) for words in (HELLO, NAME, CALLING)] == ["C", "B", "A"]


def test_somebody_who_is_not_there_is_not_found(sdk: openai.OpenAI, cut: Cut, tmp_path: Path) -> None:
    path = tmp_path / "alone.flac"
    path.write_bytes(cut((0, 5)))
    answer = diarize(sdk, path, {"Maria": data_url(sample_of(cut, MARIA))})
    assert set(who(answer).values()) == {"A"}


def test_a_stream_has_the_names_too(sdk: openai.OpenAI, cut: Cut, first_half: Path) -> None:
    events = diarize(sdk, first_half, {"Maria": data_url(sample_of(cut, MARIA))}, stream=True)
    speakers = {event.speaker for event in events if event.type == "transcript.text.segment"}
    assert speakers == {"Maria", "A", "B"}


@pytest.mark.parametrize("reference", ["rubbish", "short", "long", "silent"])
def test_a_reference_that_is_of_no_use_is_refused(
    sdk: openai.OpenAI, cut: Cut, first_half: Path, reference: str
) -> None:
    sound = {
        "rubbish": b"no recording at all, but bytes of some kind",
        "short": cut((1, 1.1), form="WAV"),
        "long": cut((0, 31), form="WAV"),
        "silent": cut((5.0, 5.6), form="WAV"),
    }[reference]
    with pytest.raises(openai.BadRequestError) as caught:
        diarize(sdk, first_half, {"Ann": data_url(sound)})
    assert caught.value.param == "known_speaker_references"
    assert "Ann" in caught.value.message
