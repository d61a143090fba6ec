"""The language of each passage and word times by attention, with real weights and voices."""

from benchmarks.speech import sets
from benchmarks.speech.figures import figures
from benchmarks.speech.run import measure
from benchmarks.speech.sets import Source
from benchmarks.speech.systems import Ours


def test_a_recording_of_two_languages_is_written_in_both_with_a_time_for_every_word(
    base: Ours, source: Source
) -> None:
    asked = sets.mixed(source)
    found = figures(asked.measures, measure(base, asked)["sums"])
    assert found["time in the right language, %"] >= 90
    assert found["word starts, mean error, ms"] <= 150


def test_a_recording_of_one_language_never_changes_it(base: Ours, source: Source) -> None:
    asked = sets.single(source)
    assert figures(asked.measures, measure(base, asked)["sums"])["recordings with a wrong language"] == 0
