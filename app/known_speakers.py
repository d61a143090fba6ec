"""Who of the people in a recording is somebody whose voice the client knows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from app.transcript import Diarization, Turn

Voice: TypeAlias = Sequence[float]
"""A vector of an embedding network; the angle between two says how alike they are."""

SAME_VOICE = 0.5
"""Cosine above which two vectors are the same person's; other people's stay below 0.4."""


def name_known(diarization: Diarization, known: Mapping[str, Voice]) -> Diarization:
    """Return `diarization` with the names of the `known` people in place of their labels.

    The pair that is most alike is taken first, and nobody is given twice; strangers keep their labels.
    """
    names = _matched(diarization.embeddings, known)
    return Diarization(
        turns=_renamed(diarization.turns, names),
        overlapping_turns=_renamed(diarization.overlapping_turns, names),
        embeddings={names.get(label, label): voice for label, voice in diarization.embeddings.items()},
    )


def _matched(heard: Mapping[str, Voice], known: Mapping[str, Voice]) -> dict[str, str]:
    """Return the name of each label whose voice is known."""
    pairs = [(_cosine(voice, known[name]), label, name) for label, voice in heard.items() for name in known]
    names: dict[str, str] = {}
    for alike, label, name in sorted(pairs, reverse=True):
        if alike >= SAME_VOICE and label not in names and name not in names.values():
            names[label] = name
    return names


def _cosine(one: Voice, other: Voice) -> float:
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other)) / lengths if lengths else 0.0


def _renamed(turns: Sequence[Turn], names: Mapping[str, str]) -> tuple[Turn, ...]:
    return tuple(replace(turn, speaker=names.get(turn.speaker, turn.speaker)) for turn in turns)
