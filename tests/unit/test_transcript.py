"""No number that is none travels between the stages."""

import math

import pytest

from app.transcript import Segment, Turn, Word


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_time_or_score_that_is_no_number_is_unknown(number: float) -> None:
    assert Word("a", number, 1.0, 0.5) == Word("a", None, 1.0, 0.5)
    assert Word("a", 0.0, number, 0.5) == Word("a", 0.0, None, 0.5)
    assert Word("a", 0.0, 1.0, number) == Word("a", 0.0, 1.0, None)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("times", [lambda number: (number, 1.0), lambda number: (0.0, number)])
@pytest.mark.parametrize("kind", [Segment, Turn])
def test_segments_and_turns_have_finite_times(kind: type, times, number: float) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="finite"):
        kind(*times(number), "text or speaker")


@pytest.mark.parametrize(
    ("word", "span"),
    [
        (Word("a", 1.0, 2.0), (1.0, 2.0)),
        (Word("a", 2.0, 1.0), (2.0, 2.0)),
        (Word("a", 1.0), None),
        (Word("a", None, 1.0), None),
    ],
)
def test_a_span_needs_both_times_and_never_runs_backwards(
    word: Word, span: tuple[float, float] | None
) -> None:
    assert word.span == span
