"""The demo bundle's sentences, spoken truth and shipped recordings; no torch, no synthesiser."""

import json
import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import soundfile

from tests.service import ROOT
from tools.demo import vocabulary
from tools.demo.aligner.letters import INDEX, frame_targets
from tools.demo.grammar import Sentence, draw_sentence, draw_split, fill, is_held_out, normalise
from tools.demo.measure.words import match_words
from tools.demo.scripts import BESPRECHUNG, MEETING
from tools.demo.synthesis.espeak import Mark, words_from_marks
from tools.demo.synthesis.speech import SpokenWord
from tools.demo.templates import TEMPLATES
from tools.demo.vocabulary import OTHER_SPELLINGS
from tools.demo.voices import SPOKEN, UNSEEN, VARIETY
from tools.demo.whisper.spelling import respell, spellings_for

BUNDLE, DATA = ROOT / "app" / "demo", ROOT / "tests" / "data"
MOST_DATA_BYTES = 4 << 20


def recordings() -> list[Path]:
    return [*sorted(BUNDLE.glob("*.flac")), *sorted(DATA.glob("*.flac"))]


def truth_of(recording: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads(recording.with_suffix(".json").read_text(encoding="utf-8"))
    return truth


@pytest.fixture(scope="module")
def sentences() -> list[Sentence]:
    rng = random.Random(5)
    return [draw_sentence(rng) for _ in range(5000)]


def test_a_sentence_is_on_one_side_of_the_split_only() -> None:
    """What is trained on and what is measured on never share a sentence."""
    rng = random.Random(6)
    trained = {draw_split(rng, held_out=False).english for _ in range(3000)}
    held_out = {draw_split(rng, held_out=True).english for _ in range(1000)}
    assert not trained & held_out


def test_about_a_tenth_of_the_sentences_is_held_out(sentences: list[Sentence]) -> None:
    distinct = {
        sentence.english: sentence for sentence in sentences if "{" in TEMPLATES[sentence.template][0]
    }
    share = sum(map(is_held_out, distinct.values())) / len(distinct)
    assert 0.07 < share < 0.13


def test_one_english_sentence_has_one_german_one(sentences: list[Sentence]) -> None:
    german: dict[str, set[str]] = {}
    for sentence in sentences:
        german.setdefault(sentence.english, set()).add(sentence.german)
    assert all(len(texts) == 1 for texts in german.values())


def test_both_languages_have_the_same_slots_filled(sentences: list[Sentence]) -> None:
    for english, german in TEMPLATES:
        assert english.count("{") == german.count("{")
    assert all("{" not in sentence.english + sentence.german for sentence in sentences)


def test_german_prepositions_are_contracted(sentences: list[Sentence]) -> None:
    assert not any(
        f" {two} " in s.german for s in sentences for two in ("zu dem", "zu der", "in dem", "an dem")
    )


def test_voices_are_distinct() -> None:
    labels = [voice.label for voice in SPOKEN + VARIETY + UNSEEN]
    assert len(labels) == len(set(labels))


def test_meeting_scripts_use_known_templates() -> None:
    patterns = {english for english, _ in TEMPLATES}
    assert {template for _, templates in MEETING + BESPRECHUNG for template in templates} <= patterns


def test_other_spellings_are_written_only_where_wanted() -> None:
    said = "Sarah and Thomas are in Paris."
    assert respell(said, {"Sara"}) == "Sara and Thomas are in Paris."
    assert respell(said) == "Sara and Tomas are in Paris."
    assert spellings_for(said) == ["Sara", "Tomas"]
    assert not set(OTHER_SPELLINGS) & set(OTHER_SPELLINGS.values())


def test_words_that_espeak_merges_share_their_span_and_are_not_exact() -> None:
    marks = [
        Mark(0.0, 0),
        Mark(0.0, phoneme="I"),
        Mark(0.4, 3),
        Mark(0.4, phoneme="D"),
        Mark(0.9, phoneme="_:"),
    ]
    words = words_from_marks("in the", [marks[0], marks[1], marks[4]], 1.0)
    assert [word.exact for word in words] == [False, False]
    assert words[0].end == words[1].start
    assert [word.exact for word in words_from_marks("in the", marks, 1.0)] == [True, True]


def test_aligner_targets_start_each_word_at_its_time() -> None:
    words = [SpokenWord("Yes", 0.2, 0.5), SpokenWord("I", 0.6, 0.7)]
    targets = frame_targets(random.Random(1), words, frames=50, seconds=1.0)
    assert targets.labels[10] == INDEX["y"]
    assert targets.labels[25] == INDEX["|"]
    assert targets.labels[30] == INDEX["i"]
    assert [symbol for symbol in targets.labels if symbol] == targets.sequence


def test_word_errors_count_swapped_added_and_lost_words() -> None:
    match = match_words(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"])
    assert match.errors == 2
    assert match.pairs == ((0, 0), (2, 2), (3, 3))


def test_recordings_are_there() -> None:
    names = {path.stem for path in recordings()}
    wanted = {"meeting", "besprechung", "conversation-de", "overlap", "long-silence"}
    wanted |= {f"conversation-en-{voices}-voices-{number}" for voices in (2, 3) for number in (1, 2, 3)}
    assert wanted <= names
    assert sum(path.stat().st_size for path in DATA.iterdir()) < MOST_DATA_BYTES


@pytest.mark.parametrize("recording", recordings(), ids=lambda path: path.stem)
def test_truth_fits_its_recording(recording: Path) -> None:
    """Format and duration, words in order and inside a turn of their speaker, text equal to the words."""
    truth, info = truth_of(recording), soundfile.info(recording)
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    assert truth["duration"] == pytest.approx(info.frames / info.samplerate, abs=0.002)
    assert truth["language"] in ("en", "de")
    words, turns = truth["words"], truth["turns"]
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert all(0 <= word["start"] < word["end"] <= truth["duration"] for word in words)
    for word in words:
        assert any(
            turn["speaker"] == word["speaker"]
            and turn["start"] <= word["start"]
            and word["end"] <= turn["end"]
            for turn in turns
        )
    assert sorted(truth["text"].split()) == sorted(word["word"] for word in words)
    speakers = list(dict.fromkeys(turn["speaker"] for turn in turns))
    assert speakers == [f"SPEAKER_{index:02d}" for index in range(len(speakers))]


def every_filling(template: int) -> Iterator[Sentence]:
    """All sentences of a template."""
    choices: dict[str, tuple[Any, ...]] = {
        "name": vocabulary.NAMES,
        "partner": vocabulary.NAMES,
        "topic": vocabulary.TOPICS,
        "other": vocabulary.TOPICS,
        "day": vocabulary.DAYS,
        "number": vocabulary.NUMBERS,
        "quality": vocabulary.QUALITIES,
        "place": vocabulary.PLACES,
        "time": vocabulary.TIMES,
    }
    names = [name for name in choices if f"{{{name}}}" in TEMPLATES[template][0]]
    for values in product(*(choices[name] for name in names)):
        yield fill(template, dict(zip(names, values, strict=True)))


@pytest.mark.parametrize("name", ["meeting", "besprechung"])
def test_meetings_hold_held_out_sentences_only(name: str) -> None:
    """Every sentence of the sample meetings was kept out of training."""
    truth = truth_of(BUNDLE / f"{name}.flac")
    script = MEETING if name == "meeting" else BESPRECHUNG
    patterns = {template for _, templates in script for template in templates}
    used = [index for index, (english, _) in enumerate(TEMPLATES) if english in patterns]
    held_out = {s.text(truth["language"]) for index in used for s in every_filling(index) if is_held_out(s)}
    text = truth["text"].replace("? ", "?\n").replace(". ", ".\n")
    assert [line for line in text.split("\n") if line not in held_out] == []


def test_the_meeting_has_three_voices_and_the_german_one_two() -> None:
    assert len({turn["speaker"] for turn in truth_of(BUNDLE / "meeting.flac")["turns"]}) == 3
    assert len({turn["speaker"] for turn in truth_of(BUNDLE / "besprechung.flac")["turns"]}) == 2


def test_voices_of_the_overlap_speak_at_once() -> None:
    first, second = truth_of(DATA / "overlap.flac")["turns"]
    assert 0.5 < first["end"] - second["start"] < 1.5


def test_long_silence_lies_between_two_sentences() -> None:
    before, after = truth_of(DATA / "long-silence.flac")["turns"]
    assert after["start"] - before["end"] > 19


def test_translations_name_their_recordings() -> None:
    listed = json.loads((DATA / "translation.json").read_text(encoding="utf-8"))
    assert len(listed) == 8
    for entry in listed:
        assert normalise(truth_of(DATA / entry["file"])["text"]) == normalise(entry["german"])
        assert entry["english"]
