"""Who spoke when: pyannote's own answer, right on the recordings, and what a request asks for."""

from collections import Counter
from collections.abc import Callable
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.audio.waveform import Waveform
from app.engines.diarization.diarizer import PyannoteDiarizer, run_pyannote_pipeline, with_speaker_labels
from app.engines.diarization.stages import SpeakerTracks
from app.engines.interfaces import SpeakerCountRange
from app.errors import ClientLeft
from app.transcript import Diarization, Turn
from tests.engines.conftest import load_diarizer, nothing, recordings, samples_of, truth_of
from tests.engines.powerset import powerset_pipeline
from tests.engines.stock import Stock

Diarized = Callable[[Path], Diarization]
ANYONE = SpeakerCountRange()


@pytest.fixture(scope="module")
def diarized(diarizer: PyannoteDiarizer) -> Diarized:
    @cache
    def run(path: Path) -> Diarization:
        return diarizer.diarize(samples_of(path), ANYONE, nothing)

    return run


def speaker_at(turns: tuple[Turn, ...], seconds: float) -> str | None:
    return next((turn.speaker for turn in turns if turn.start <= seconds < turn.end), None)


def confused_share(diarization: Diarization, path: Path) -> float:
    """Share of spoken time, 0.25 s around changes left out, in which the wrong person or nobody is shown.

    People are named so that it comes out best.
    """
    truth = truth_of(path)["turns"]
    moments = [
        (seconds, turn["speaker"])
        for turn in truth
        for seconds in np.arange(turn["start"] + 0.25, turn["end"] - 0.25, 0.05)
    ]
    seen = Counter((true, speaker_at(diarization.turns, seconds)) for seconds, true in moments)
    people, shown = sorted(voices_in(path)), sorted({turn.speaker for turn in diarization.turns})
    shown += ["nobody"] * (len(people) - len(shown))
    namings = permutations(shown, len(people))
    best = max(sum(seen[pair] for pair in zip(people, names, strict=True)) for names in namings)
    return 1 - best / len(moments)


def voices_in(path: Path) -> set[str]:
    return {turn["speaker"] for turn in truth_of(path)["turns"]}


def assert_same(ours: Diarization, stock: Diarization) -> None:
    assert_same_turns(ours.turns, stock.turns)
    assert_same_turns(ours.overlapping_turns, stock.overlapping_turns)
    assert ours.embeddings.keys() == stock.embeddings.keys()
    for label, vector in ours.embeddings.items():
        np.testing.assert_allclose(vector, stock.embeddings[label], atol=1e-5)


def assert_same_turns(ours: tuple[Turn, ...], stock: tuple[Turn, ...]) -> None:
    assert [turn.speaker for turn in ours] == [turn.speaker for turn in stock]
    np.testing.assert_allclose(edges(ours), edges(stock), atol=1e-5)


def edges(turns: tuple[Turn, ...]) -> list[tuple[float, float]]:
    return [(turn.start, turn.end) for turn in turns]


def of_pyannote(diarizer: PyannoteDiarizer, sound: Waveform, bounds: SpeakerCountRange) -> Diarization:
    """What pyannote's own pipeline answers."""
    return with_speaker_labels(run_pyannote_pipeline(diarizer.pipeline, sound, bounds, nothing))


@pytest.mark.references
@pytest.mark.parametrize(
    "name", [path.stem for path in recordings("conversation-*")] + ["overlap", "long-silence"]
)
def test_turns_labels_and_embeddings_are_the_stock_pipelines(
    name: str, diarized: Diarized, diarizer: PyannoteDiarizer, stock: Stock
) -> None:
    (path,) = recordings(name)
    assert diarizer.stages is not None
    theirs = stock.diarization(name, lambda: of_pyannote(diarizer, samples_of(path), ANYONE))
    assert_same(diarized(path), theirs)


@pytest.fixture(scope="module")
def choosing(tmp_path_factory: pytest.TempPathFactory) -> PyannoteDiarizer:
    return load_diarizer(source=powerset_pipeline(tmp_path_factory.mktemp("powerset") / "diarization"))


@pytest.mark.references
@pytest.mark.parametrize("name", ["conversation-en-3-voices-1", "overlap", "long-silence"])
def test_a_network_that_chooses_sets_of_speakers_gives_the_stock_pipelines_turns(
    name: str, choosing: PyannoteDiarizer, stock: Stock
) -> None:
    (path,) = recordings(name)
    assert choosing.stages is not None
    assert choosing.stages.threshold is None
    sound = samples_of(path)
    ours = choosing.diarize(sound, ANYONE, nothing)
    assert len(ours.embeddings) == len(voices_in(path))
    assert_same(ours, stock.diarization(f"powerset-{name}", lambda: of_pyannote(choosing, sound, ANYONE)))


@pytest.mark.references
@pytest.mark.parametrize("bounds", [SpeakerCountRange(3, 3), SpeakerCountRange(3), SpeakerCountRange(most=1)])
def test_asked_for_a_number_the_answer_is_the_stock_pipelines(
    bounds: SpeakerCountRange, diarizer: PyannoteDiarizer, stock: Stock
) -> None:
    path = recordings("conversation-en-2-voices-*")[0]
    sound = samples_of(path)[: 16 * 16000]
    name = f"asked-from-{bounds.least}-to-{bounds.most}"
    theirs = stock.diarization(name, lambda: of_pyannote(diarizer, sound, bounds))
    assert_same(diarizer.diarize(sound, bounds, nothing), theirs)


def test_the_number_of_people_is_found(diarized: Diarized) -> None:
    found = {path.stem: len(diarized(path).embeddings) for path in recordings("conversation-*")}
    assert found == {path.stem: len(voices_in(path)) for path in recordings("conversation-*")}


def test_turns_name_the_person_who_speaks(diarized: Diarized) -> None:
    shares = {path.stem: confused_share(diarized(path), path) for path in recordings("conversation-*")}
    assert max(shares.values()) <= 0.15, shares
    assert sum(shares.values()) / len(shares) <= 0.08, shares


def test_one_person_at_a_time_in_turns_several_in_overlapping_turns(diarized: Diarized) -> None:
    (path,) = recordings("overlap")
    diarization = diarized(path)

    def simultaneous(turns: tuple[Turn, ...]) -> float:
        moments = np.arange(0, truth_of(path)["duration"], 0.02)
        return 0.02 * sum(sum(turn.start <= m < turn.end for turn in turns) > 1 for m in moments)

    assert simultaneous(diarization.turns) == 0
    assert simultaneous(diarization.overlapping_turns) > 0.2


def test_labels_count_people_in_order_of_first_appearance(diarized: Diarized) -> None:
    for path in recordings("conversation-*"):
        diarization = diarized(path)
        order = list(dict.fromkeys(turn.speaker for turn in diarization.turns))
        assert order == [f"SPEAKER_{number:02d}" for number in range(len(order))]
        assert list(diarization.embeddings)[: len(order)] == order
        assert [turn.start for turn in diarization.turns] == sorted(turn.start for turn in diarization.turns)


def test_two_people_asked_for_where_three_speak(diarizer: PyannoteDiarizer, diarized: Diarized) -> None:
    path = recordings("conversation-en-3-voices-*")[0]
    two = diarizer.diarize(samples_of(path), SpeakerCountRange(2, 2), nothing)
    assert len({turn.speaker for turn in two.turns}) == 2
    assert len({turn.speaker for turn in diarized(path).turns}) == 3


def test_limits_on_the_number_are_kept(diarizer: PyannoteDiarizer) -> None:
    sound = samples_of(recordings("conversation-en-3-voices-*")[0])
    assert len(diarizer.diarize(sound, SpeakerCountRange(most=2), nothing).embeddings) <= 2
    assert len(diarizer.diarize(sound, SpeakerCountRange(4), nothing).embeddings) >= 4


def test_more_people_than_can_be_told_apart_are_no_failure(diarizer: PyannoteDiarizer) -> None:
    sound = samples_of(recordings("sentence-en-*")[0])
    assert diarizer.diarize(sound, SpeakerCountRange(20, 20), nothing).turns


@pytest.mark.parametrize("samples", [0, 10, 1000, 48000])
def test_nobody_speaks_in_silence(diarizer: PyannoteDiarizer, samples: int) -> None:
    assert diarizer.diarize(np.zeros(samples, np.int16), ANYONE, nothing) == Diarization(())


def test_the_batch_sizes_do_not_change_the_turns(diarizer: PyannoteDiarizer, diarized: Diarized) -> None:
    path = recordings("conversation-en-3-voices-*")[0]
    assert (
        diarizer.with_batch_size(5).diarize(samples_of(path), ANYONE, nothing).turns == diarized(path).turns
    )


def test_a_bfloat16_encoder_finds_the_same_turns(diarized: Diarized) -> None:
    reduced = load_diarizer("bfloat16")
    for path in recordings("conversation-en-3-voices-*"):
        assert reduced.diarize(samples_of(path), ANYONE, nothing).turns == diarized(path).turns


def test_people_of_one_recording_have_unlike_voice_vectors(diarized: Diarized) -> None:
    for path in recordings("conversation-en-*"):
        vectors = np.array(list(diarized(path).embeddings.values()))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        likeness = vectors @ vectors.T - np.eye(len(vectors))
        assert likeness.max() < 0.8


@pytest.mark.references
def test_the_operators_threshold_and_pause_reach_the_pipeline(diarized: Diarized, stock: Stock) -> None:
    path = recordings("conversation-en-2-voices-*")[0]
    changed = load_diarizer(min_duration_off=1.0, clustering_threshold=0.85)
    ours = changed.diarize(samples_of(path), ANYONE, nothing)
    theirs = stock.diarization("operators", lambda: of_pyannote(changed, samples_of(path), ANYONE))
    assert_same(ours, theirs)
    assert len(ours.turns) < len(diarized(path).turns)
    assert changed.pipeline.clustering.threshold == 0.85


def test_work_stops_when_the_client_leaves(diarizer: PyannoteDiarizer) -> None:
    def leave() -> Any:
        raise ClientLeft

    with pytest.raises(ClientLeft):
        diarizer.diarize(samples_of(recordings("overlap")[0]), ANYONE, leave)


def test_a_voice_vector_that_holds_no_numbers_is_left_out() -> None:
    """pyannote fills the rows of people whom it could not embed with NaN or with zeros."""
    turns = [(0.0, 1.0, 0), (1.0, 2.0, 1), (2.0, 3.0, 2)]
    centroids = np.array([[0.6, 0.8], [0.5, np.nan], [0.0, 0.0]])
    tracks = SpeakerTracks(exclusive=turns, overlapping=turns, centroids=centroids)
    assert with_speaker_labels(tracks).embeddings == {"SPEAKER_00": (0.6, 0.8)}
