"""No option is decoration: each visibly changes what the service makes of a recording of the bundle."""

import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import httpx
import numpy as np
import pytest
import soundfile

from app.options.asr_options import AsrOptions
from tests.audio.sounds import ffmpeg
from tests.conftest import OPENING_SECONDS, first_seconds
from tests.fake_engines import FakeEngines
from tests.in_process import in_process, tone
from tests.service import Service

Ask: TypeAlias = Callable[..., httpx.Response]


def test_every_option_has_its_test_below() -> None:
    assert [name for name in AsrOptions.model_fields if f"test_{name}" not in globals()] == []


@pytest.fixture(scope="module")
def ask(live_service: Service, opening: Path) -> Iterator[Ask]:
    """Send the opening of the meeting with some options; the same options are sent once only."""
    recording = opening.read_bytes()
    answers: dict[tuple[tuple[str, object], ...], httpx.Response] = {}
    with httpx.Client(base_url=live_service.url, timeout=300) as client:

        def ask(**options: object) -> httpx.Response:
            key = tuple(sorted(options.items()))
            if key not in answers:
                files = {"audio_file": ("opening.flac", recording)}
                answers[key] = client.post("/asr", data=options, files=files)
            return answers[key]

        yield ask


def text_of(answer: httpx.Response) -> str:
    return " ".join(segment["text"] for segment in answer.json()["segments"])


def speakers_of(answer: httpx.Response) -> set[str]:
    return {word["speaker"] for word in answer.json()["word_segments"] if "speaker" in word}


def test_task(live_service: Service, meeting: Path) -> None:
    german = first_seconds(meeting.parent / "besprechung.flac", 5.9)

    def words(task: str) -> set[str]:
        form = {"task": task, "diarize": "false"}
        answer = httpx.post(
            f"{live_service.url}/asr", data=form, files={"audio_file": ("b.flac", german)}, timeout=300
        )
        assert answer.json()["language"] == "de"
        assert answer.json()["word_segments"]
        by_attention = "the words of a translation are timed by Whisper's attention"
        assert (by_attention in str(answer.json().get("warnings"))) == (task == "translate")
        return set(text_of(answer).lower().split())

    assert {"the", "und"} & words("transcribe") == {"und"}
    assert {"the", "und"} & words("translate") == {"the"}


def test_temperature(ask: Ask, live_service: Service, meeting: Path) -> None:
    """What it draws is left to chance; verbose_json says what was decoded with."""
    assert ask(temperature=1.1).json()["code"] == "invalid_parameter"
    for written, temperature in (("0", 0.0), ("1", 1.0)):
        form = {"response_format": "verbose_json", "temperature": written}
        url = f"{live_service.url}/v1/audio/transcriptions"
        answer = httpx.post(
            url, data=form, files={"file": ("m.flac", first_seconds(meeting, 5))}, timeout=300
        )
        assert {segment["temperature"] for segment in answer.json()["segments"]} == {temperature}


def asked(directory: Path, **options: str) -> tuple[FakeEngines, httpx.Response]:
    """Return engines that answer at once, with what they were asked for, and the answer."""
    engines = FakeEngines()
    with in_process(engines, directory) as client:
        answer = client.post("/asr", data=options, files={"audio_file": ("a.wav", tone(3))})
    return engines, answer


def test_beam_size(tmp_path: Path) -> None:
    """With engines that answer at once: on speech as clear as the bundle's every beam finds the same."""
    for written, size in ({}, 5), ({"beam_size": "1"}, 1):
        engines, _ = asked(tmp_path, **written)
        assert engines.requests[0].beam_size == size


def test_suppress_numerals(tmp_path: Path) -> None:
    """With engines that answer at once; what the real one does stands in tests/engines/test_numerals.py."""
    for written, suppressed in ({}, False), ({"suppress_numerals": "true"}, True):
        engines, _ = asked(tmp_path, **written)
        assert engines.requests[0].suppress_numerals is suppressed


def test_verbatim(tmp_path: Path) -> None:
    """With engines that say what they are prompted with: the manner stands behind the client's own prompt."""
    _, answer = asked(tmp_path, verbatim="true", language="de", initial_prompt="Budget.")
    assert text_of(answer).startswith("Budget. Ähm, also, ich, ich")
    assert text_of(asked(tmp_path, verbatim="true")[1]).startswith("Um, uh...")


def bound_asked_for(directory: Path, name: str, written: str) -> tuple[object, object]:
    """Return a bound of speech as it reaches the engine, unset and written; what it does: tests/engines."""
    requests = [asked(directory, **options)[0].requests[0] for options in ({}, {name: written})]
    return getattr(requests[0], name), getattr(requests[1], name)


def test_vad_onset(tmp_path: Path) -> None:
    assert bound_asked_for(tmp_path, "vad_onset", "0.9") == (None, 0.9)


def test_vad_offset(tmp_path: Path) -> None:
    assert bound_asked_for(tmp_path, "vad_offset", "0.2") == (None, 0.2)


def test_vad_pad(tmp_path: Path) -> None:
    assert bound_asked_for(tmp_path, "vad_pad", "0") == (None, 0.0)


def test_language(ask: Ask, tmp_path: Path) -> None:
    for script, text in ("zh-Hant", "頭髮發展"), ("zh-Hans", "头发发展"):
        answer = asked(tmp_path, language=script, initial_prompt="头发发展")[1].json()
        assert (answer["language"], answer["segments"][0]["text"]) == ("zh", text)
    assert ask().json()["language"] == "en"
    assert ask(language="German", diarize=False).json()["language"] == "de"
    among = ask(language="de,en", diarize=False).json()
    assert (among["language"], among["languages"]) == ("en", {"en": 1.0})
    assert {segment["language"] for segment in among["segments"]} == {"en"}
    assert ask(language="de,xx", diarize=False).json()["code"] == "invalid_parameter"


def test_model(ask: Ask) -> None:
    assert ask().json()["model"] == "demo"
    other = ask(model="tiny")
    assert (other.status_code, other.json()["code"]) == (503, "model_unavailable")
    assert "tiny" in other.json()["detail"]


def test_transcript(ask: Ask) -> None:
    said = ask().json()
    given = "\n".join(segment["text"].upper() for segment in said["segments"]) + "\nNobody says such a thing."
    answer = ask(transcript=given).json()
    assert [word["word"] for word in answer["word_segments"] if "start" in word] == [
        word["word"].upper() for word in said["word_segments"]
    ]
    assert speakers_of(ask(transcript=given)) == speakers_of(ask())
    assert [segment["text"] for segment in answer["segments"] if not segment.get("occurs", True)] == [
        "Nobody says such a thing."
    ]
    assert answer["transcript_fit"]["found"] > 0.5
    assert any("Nobody says such a thing." in warning for warning in answer["warnings"])
    assert "Nobody" not in ask(transcript=given, output_format="srt", diarize=True).text


def test_transcript_in_a_language_without_an_aligner(tmp_path: Path) -> None:
    """With engines that answer at once and have an aligner for English alone."""
    _, answer = asked(tmp_path, transcript="Guten Tag.", language="de")
    assert [word["word"] for word in answer.json()["word_segments"]] == ["Guten", "Tag."]
    assert "words in german are timed by Whisper's attention" in answer.json()["warnings"][0]
    _, refused = asked(tmp_path, transcript="Guten Tag.", language="de", align="wav2vec2")
    assert (refused.status_code, refused.json()["code"]) == (400, "conflicting_parameters")
    assert "ALIGN_MODELS=de=<model>" in refused.json()["detail"]
    _, english = asked(tmp_path, transcript="Good day.", language="en", align="attention")
    assert "align=attention" in english.json()["warnings"][0]


def test_output_format(live_service: Service, meeting: Path) -> None:
    upload, address = {"audio_file": ("a.flac", first_seconds(meeting, 5))}, f"{live_service.url}/asr"
    forms = [{"output_format": name, "diarize": "false"} for name in ("json", "text", "srt", "vtt", "tsv")]
    answers = [httpx.post(address, data=form, files=upload, timeout=300) for form in forms]
    assert len({answer.headers["content-type"] for answer in answers}) == 5
    assert len({answer.text for answer in answers}) == 5


def test_word_timestamps(ask: Ask) -> None:
    assert len(ask().json()["word_segments"]) > 30
    without = ask(word_timestamps=False).json()
    assert without["word_segments"] == []
    assert all("words" not in segment for segment in without["segments"])


def test_align(ask: Ask) -> None:
    aligned, attended = ask(diarize=False).json(), ask(align="attention", diarize=False).json()
    assert "warnings" not in aligned
    assert "words in english are timed by Whisper's attention" in attended["warnings"][0]
    assert text_of(ask(diarize=False)) == text_of(ask(align="attention", diarize=False))
    starts = [[word["start"] for word in each["word_segments"]] for each in (aligned, attended)]
    assert starts[0] != starts[1]
    assert np.mean(np.abs(np.subtract(*starts))) < 0.15


def test_segments_tell_how_they_were_decoded(ask: Ask) -> None:
    for segment in ask(diarize=False).json()["segments"]:
        assert -1 < segment["avg_logprob"] < 0
        assert 0 <= segment["no_speech_prob"] < 0.6
        assert 0 < segment["compression_ratio"] < 2.4
        assert segment["temperature"] == 0.0


def test_stream(ask: Ask) -> None:
    streamed = ask(stream=True, diarize=False)
    assert streamed.headers["content-type"].startswith("text/event-stream")
    assert "event: result" in streamed.text


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


def test_start(ask: Ask) -> None:
    """Times stay those of the whole recording: the words are where they are without it."""
    whole = {(word["word"], round(word["start"], 1)) for word in ask(diarize=False).json()["word_segments"]}
    part = ask(diarize=False, start="00:00:09.200").json()
    words = [(word["word"], round(word["start"], 1)) for word in part["word_segments"]]
    assert part["duration"] == pytest.approx(OPENING_SECONDS - 9.2, abs=0.01)
    assert min(start for _, start in words) >= 9.2
    assert len(whole.intersection(words)) > 0.6 * len(words) > 10


def test_duration(ask: Ask) -> None:
    part = ask(diarize=False, duration=5).json()
    assert part["duration"] == 5.0
    assert part["word_segments"][-1]["end"] <= 5.0
    assert len(part["word_segments"]) < len(ask(diarize=False).json()["word_segments"]) / 2


def test_offset_times(ask: Ask) -> None:
    part = ask(diarize=False, start="00:00:09.200").json()["word_segments"]
    relative = ask(diarize=False, start="00:00:09.200", offset_times=False).json()["word_segments"]
    assert [word["word"] for word in relative] == [word["word"] for word in part]
    assert {round(one["start"] - other["start"], 3) for one, other in zip(part, relative, strict=True)} == {
        9.2
    }


def test_where_more_is_said_is_told_in_the_times_of_the_answer(ask: Ask) -> None:
    part = {"diarize": False, "start": "00:00:09.200"}
    first = ask(**part).json()["segments"][0]["text"]

    def place(**options: object) -> int:
        warnings = ask(**part, **options, transcript=first).json()["warnings"]
        found = re.findall(r"more is said than the transcript holds: (\d+):(\d+) to ", str(warnings))
        ((minutes, seconds),) = found
        return 60 * int(minutes) + int(seconds)

    assert place() - place(offset_times=False) in (9, 10)


def test_audio_track(live_service: Service, meeting: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    german = meeting.parent / "besprechung.flac"
    languages = "-metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -t 6 -c:a flac"
    ffmpeg("-i", str(meeting), "-i", str(german), "-map", "0", "-map", "1", *languages.split(), str(film))

    def heard(**options: str) -> httpx.Response:
        form = {"diarize": "false", **options}
        files = {"audio_file": ("film.mkv", film.read_bytes())}
        return httpx.post(f"{live_service.url}/asr", data=form, files=files, timeout=300)

    first, second = heard().json(), heard(audio_track="deu").json()
    assert (first["language"], second["language"]) == ("en", "de")
    assert [track["language"] for track in second["tracks"]] == ["eng", "ger"]
    assert "1 (eng, 1 channel, flac); 2 (ger, 1 channel, flac)" in heard(audio_track="3").json()["detail"]


def speakers_on_channels(directory: Path, **options: str) -> list[str]:
    """Return who speaks on two channels; engines answer at once, tests/e2e/test_calls.py has real ones."""
    one = 0.2 * np.sin(np.arange(48000) / 5)
    recording = io.BytesIO()
    soundfile.write(recording, np.stack([one, one * np.linspace(0, 1, 48000)], 1), 16000, format="FLAC")
    with in_process(FakeEngines(), directory) as client:
        files = {"audio_file": ("a.flac", recording.getvalue())}
        answer = client.post("/asr", data={"channels": "split", **options}, files=files)
    return [segment["speaker"] for segment in answer.json()["segments"]]


def test_channels(tmp_path: Path) -> None:
    assert speakers_on_channels(tmp_path) == ["CHANNEL_0", "CHANNEL_1"]
    assert speakers_on_channels(tmp_path, channels="mix", diarize="true") == ["SPEAKER_00", "SPEAKER_01"]


def test_channel_names(tmp_path: Path) -> None:
    assert speakers_on_channels(tmp_path, channel_names="Ann, Bob") == ["Ann", "Bob"]


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


def cue_seconds(answer: httpx.Response) -> list[float]:
    def seconds(written: str) -> float:
        hours, minutes, rest = written.strip().replace(",", ".").split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(rest)

    lines = [line.split("-->") for line in answer.text.splitlines() if "-->" in line]
    return [seconds(end) - seconds(start) for start, end in lines]


def test_max_cue_seconds(ask: Ask) -> None:
    short = ask(output_format="srt", diarize=False, max_cue_seconds=1.5)
    assert max(cue_seconds(short)) <= 1.501 < max(cue_seconds(ask(output_format="srt", diarize=False)))


def test_min_cue_seconds(ask: Ask) -> None:
    """A word that ends the recording has all the room it wants."""
    options = {"output_format": "srt", "diarize": False, "start": 0, "duration": 0.9}
    assert cue_seconds(ask(**options, min_cue_seconds=3))[-1] == pytest.approx(3, abs=0.002)
    assert cue_seconds(ask(**options))[-1] < 2


def test_highlight_words(ask: Ask) -> None:
    plain = ask(output_format="srt", diarize=False)
    marked = ask(output_format="srt", diarize=False, highlight_words=True)
    assert plain.text.count("<u>") == 0
    assert marked.text.count("<u>") > 30
