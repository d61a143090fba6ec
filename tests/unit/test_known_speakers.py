"""Known voices: who is who, and what happens to strangers."""

import pytest

from app.known_speakers import name_known
from app.transcript import Diarization, Turn

TURNS = (Turn(0, 1, "SPEAKER_00"), Turn(1, 2, "SPEAKER_01"), Turn(2, 3, "SPEAKER_00"))
VOICES = {"SPEAKER_00": (1.0, 0.0, 0.1), "SPEAKER_01": (0.0, 2.0, 0.0)}


def speakers(known: dict[str, tuple[float, ...]]) -> list[str]:
    named = name_known(Diarization(TURNS, TURNS[:1], VOICES), known)
    assert [turn.speaker for turn in named.overlapping_turns] == [named.turns[0].speaker]
    assert set(named.embeddings) == {turn.speaker for turn in named.turns}
    return [turn.speaker for turn in named.turns]


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]),
        ({"Ann": (5.0, 0.0, 0.0)}, ["Ann", "SPEAKER_01", "Ann"]),
        ({"Ann": (0.0, 1.0, 0.1), "Ben": (1.0, 0.1, 0.0)}, ["Ben", "Ann", "Ben"]),
        ({"Ann": (0.0, 0.0, 1.0)}, ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]),
        ({"Ann": (0.0, 0.0, 0.0)}, ["SPEAKER_00", "SPEAKER_01", "SPEAKER_00"]),
        # Both are like the first voice: it is the likelier one, and nobody is there twice.
        ({"Ann": (1.0, 0.4, 0.0), "Ben": (1.0, 0.0, 0.1)}, ["Ben", "SPEAKER_01", "Ben"]),
    ],
)
def test_a_voice_has_the_name_of_the_one_it_is_most_like(
    known: dict[str, tuple[float, ...]], expected: list[str]
) -> None:
    assert speakers(known) == expected


def test_a_voice_without_a_vector_stays_a_stranger() -> None:
    turns = (Turn(0, 1, "SPEAKER_00"),)
    assert name_known(Diarization(turns, turns, {}), {"Ann": (1.0, 0.0)}).turns == turns
