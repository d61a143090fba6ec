"""Word times: those of whisperX, close to the truth, whatever the batch."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.audio.waveform import to_float32
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.interfaces import Transcription
from app.errors import ClientLeft
from app.transcript import Segment, Word
from tests.engines.conftest import DEMO, nothing, recordings, samples_of, truth_of
from tests.engines.stock import Stock
from tests.truth import compare, mean

Heard = Callable[[Path], Transcription]
Rows = list[dict[str, Any]]
Reference = Callable[[str, Path, Callable[[], tuple[Segment, ...]]], tuple[tuple[Segment, ...], Rows]]


def aligned_words(segments: tuple[Segment, ...]) -> list[dict[str, Any]]:
    return [
        {"word": word.text, "start": word.start, "end": word.end}
        for segment in segments
        for word in segment.words or ()
        if word.start is not None
    ]


@pytest.fixture(scope="module")
def reference(punkt_data: Path, stock: Stock) -> Reference:
    """Segments, and what whisperX's own aligner makes of them with the same model."""
    from whisperx.alignment import align, load_align_model

    load = cache(lambda: load_align_model("en", "cpu", model_name=str(DEMO / "aligner")))

    def run(name: str, path: Path, segments: Callable[[], tuple[Segment, ...]]) -> Any:
        def with_whisperx(rows: Rows) -> Rows:
            answer: Rows = align(rows, *load(), to_float32(samples_of(path)), "cpu")["segments"]
            return answer

        return stock.alignment(name, segments, with_whisperx)

    return run


def assert_same(ours: tuple[Segment, ...], theirs: list[dict[str, Any]]) -> None:
    """Starts, scores and sentences are whisperX's; a word ends where theirs does, or before a pause."""
    assert [s.text for s in ours] == [s["text"].strip() for s in theirs]
    for segment, other in zip(ours, theirs, strict=True):
        assert segment.start == pytest.approx(other["start"], abs=0.0011)
        assert segment.end <= other["end"] + 0.0011
        assert segment.avg_logprob == other.get("avg_logprob")
        for word, same in zip(segment.words or (), other["words"], strict=True):
            assert word.text == same["word"]
            assert word.start == pytest.approx(same.get("start"), abs=0.0011)
            assert word.start < word.end <= same["end"] + 0.0011
            assert word.score == pytest.approx(same.get("score"), abs=0.002)
    ends = [
        same["end"] - word.end
        for segment, other in zip(ours, theirs, strict=True)
        for word, same in zip(segment.words or (), other["words"], strict=True)
    ]
    assert mean([gap <= 0.0011 for gap in ends]) >= 0.9, "where no pause follows, ends are whisperX's too"


@pytest.mark.references
@pytest.mark.parametrize("name", ["conversation-en-2-voices-1", "conversation-en-3-voices-1", "long-silence"])
def test_times_and_scores_are_those_of_whisperx(
    name: str, heard: Heard, english_aligner: Wav2Vec2Aligner, reference: Reference
) -> None:
    (path,) = recordings(name)
    segments, theirs = reference(name, path, lambda: heard(path).segments)
    assert_same(english_aligner.align(samples_of(path), segments, nothing), theirs)


@pytest.mark.references
def test_numbers_symbols_and_foreign_letters_are_placed_as_whisperx_does(
    english_aligner: Wav2Vec2Aligner, reference: Reference
) -> None:
    path = recordings("conversation-en-*")[0]
    segments = (
        Segment(
            0.5, 9.5, 'We have 9 people in Zürich. It "costs" 20$! Dr. Who said: yes | no... Really?', None
        ),
        Segment(10.0, 19.0, "Yes. I. Was there.  Two blanks, 日本語"),
    )
    _, theirs = reference("numbers", path, lambda: segments)
    assert_same(english_aligner.align(samples_of(path), segments, nothing), theirs)


@pytest.mark.parametrize("pattern", ["conversation-en-*", "conversation-de"])
def test_word_boundaries_are_close_to_the_truth(
    pattern: str, heard: Heard, english_aligner: Wav2Vec2Aligner, german_aligner: Wav2Vec2Aligner
) -> None:
    aligner = german_aligner if pattern.endswith("de") else english_aligner
    errors: list[float] = []
    for path in recordings(pattern):
        aligned = aligner.align(samples_of(path), heard(path).segments, nothing)
        errors += compare(truth_of(path)["words"], aligned_words(aligned)).boundary_errors()
    assert mean(errors) <= 0.035
    assert sorted(errors)[int(0.95 * len(errors))] <= 0.09


Paused = tuple[np.ndarray, list[dict[str, Any]], int]
"""Sound, its true words, and which of them is followed by the pause."""


def paused_between(language: str, seconds: float, noise: float) -> list[Paused]:
    """Each sentence of the bundle, a pause of faint noise, and the next sentence."""
    chance = np.random.default_rng(7)
    paths = recordings(f"sentence-{language}-*")
    joined = []
    for path, following in zip(paths, [*paths[1:], paths[0]], strict=True):
        pause = chance.normal(0, noise, round(seconds * 16000)).astype(np.int16)
        sound = np.concatenate([samples_of(path), pause, samples_of(following)])
        later = (len(sound) - len(samples_of(following))) / 16000
        words = truth_of(path)["words"]
        after = [
            {**word, "start": word["start"] + later, "end": word["end"] + later}
            for word in truth_of(following)["words"]
        ]
        joined.append((sound, [*words, *after], len(words) - 1))
    return joined


def aligned_as_one(aligner: Wav2Vec2Aligner, sound: np.ndarray, text: str) -> list[Word]:
    whole = Segment(0.0, len(sound) / 16000, text)
    return [word for segment in aligner.align(sound, (whole,), nothing) for word in segment.words or ()]


@pytest.mark.parametrize(("seconds", "noise"), [(0.3, 0), (0.7, 20), (1.5, 60), (3.0, 20)])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("marks", [True, False])
def test_no_word_lasts_into_the_pause_behind_it(
    language: str,
    seconds: float,
    noise: float,
    marks: bool,
    english_aligner: Wav2Vec2Aligner,
    german_aligner: Wav2Vec2Aligner,
) -> None:
    aligner = german_aligner if language == "de" else english_aligner
    for sound, truth, last in paused_between(language, seconds, noise):
        said = [word["word"] if marks else word["word"].strip(".,?!") for word in truth]
        words = aligned_as_one(aligner, sound, " ".join(said))
        assert words[last].end == pytest.approx(truth[last]["end"], abs=0.2)
        assert words[last + 1].start == pytest.approx(truth[last + 1]["start"], abs=0.2)
        for word in words:
            assert word.end - word.start <= 0.2 + 0.2 * len(word.text), word


def test_with_bfloat16_words_keep_their_times(heard: Heard, english_aligner: Wav2Vec2Aligner) -> None:
    """Within a frame for 99 of 100 words, and no farther from the truth."""
    reduced = Wav2Vec2Aligner.load(
        DEMO / "aligner", language="en", device="cpu", batch_size=1, precision="bfloat16"
    )
    gaps, errors, reduced_errors = [], [], []
    for path in recordings("conversation-en-*"):
        sound, segments, truth = samples_of(path), heard(path).segments, truth_of(path)["words"]
        full = aligned_words(english_aligner.align(sound, segments, nothing))
        less = aligned_words(reduced.align(sound, segments, nothing))
        assert [word["word"] for word in less] == [word["word"] for word in full]
        gaps += [
            max(abs(a["start"] - b["start"]), abs(a["end"] - b["end"]))
            for a, b in zip(full, less, strict=True)
        ]
        errors += compare(truth, full).boundary_errors()
        reduced_errors += compare(truth, less).boundary_errors()
    assert max(gaps) > 0, "it computes in float32"
    assert mean([gap <= 0.0211 for gap in gaps]) >= 0.99
    assert mean(reduced_errors) <= mean(errors) + 0.001


def test_no_text_is_lost(heard: Heard, english_aligner: Wav2Vec2Aligner) -> None:
    for path in recordings("conversation-en-*"):
        segments = heard(path).segments
        aligned = english_aligner.align(samples_of(path), segments, nothing)
        said = [word for segment in segments for word in segment.text.split()]
        assert [word.text for segment in aligned for word in segment.words or ()] == said
        assert [word for segment in aligned for word in segment.text.split()] == said


def test_words_lie_in_their_sentences_and_sentences_in_order(
    heard: Heard, english_aligner: Wav2Vec2Aligner
) -> None:
    path = recordings("conversation-en-*")[0]
    aligned = english_aligner.align(samples_of(path), heard(path).segments, nothing)
    assert [s.start for s in aligned] == sorted(s.start for s in aligned)
    for segment in aligned:
        assert segment.words
        assert segment.words[0].start == segment.start
        assert segment.words[-1].end == segment.end


def test_short_segments_beside_long_ones_keep_their_times(
    heard: Heard, english_aligner: Wav2Vec2Aligner
) -> None:
    path = recordings("conversation-en-*")[0]
    segments = heard(path).segments
    expected = english_aligner.align(samples_of(path), segments, nothing)
    found = english_aligner.align(samples_of(path), (*segments, Segment(1.0, 2.0, "Yes.")), nothing)
    assert found[: len(expected)] == expected


@pytest.mark.parametrize(
    "segment",
    [
        Segment(2.0, 2.1, "This text is much too long for a tenth of a second"),
        Segment(5000.0, 5001.0, "Beyond the end"),
        Segment(3.0, 3.0, "Without length"),
    ],
)
def test_a_segment_that_cannot_be_aligned_keeps_its_times(
    segment: Segment, english_aligner: Wav2Vec2Aligner
) -> None:
    sound = samples_of(recordings("conversation-en-*")[0])
    (kept,) = english_aligner.align(sound, (segment,), nothing)
    assert (kept.start, kept.end, kept.text) == (segment.start, segment.end, segment.text)
    assert kept.words == tuple(Word(word) for word in segment.text.split())


def test_a_segment_that_reaches_beyond_the_end_is_aligned_in_what_there_is(
    english_aligner: Wav2Vec2Aligner,
) -> None:
    path = recordings("sentence-en-*")[0]
    duration = truth_of(path)["duration"]
    (whole,) = english_aligner.align(
        samples_of(path), (Segment(0, duration, truth_of(path)["text"]),), nothing
    )
    (beyond,) = english_aligner.align(samples_of(path), (Segment(0, 99.0, truth_of(path)["text"]),), nothing)
    assert beyond.words == whole.words


def test_empty_text_stays_empty(english_aligner: Wav2Vec2Aligner) -> None:
    sound = samples_of(recordings("sentence-en-*")[0])
    (kept,) = english_aligner.align(sound, (Segment(0.0, 1.0, ""),), nothing)
    assert kept.words == ()
    assert english_aligner.align(sound, (), nothing) == ()


def test_work_stops_at_the_next_batch_when_the_client_leaves(
    heard: Heard, english_aligner: Wav2Vec2Aligner
) -> None:
    def leave() -> None:
        raise ClientLeft

    path = recordings("conversation-en-*")[0]
    with pytest.raises(ClientLeft):
        english_aligner.align(samples_of(path), heard(path).segments, leave)
