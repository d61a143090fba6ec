"""The most probable moment of every character, given what the network heard: no per-frame Python.

The rule is whisperX's. A character is heard in exactly one frame, blank in all frames up to the next
character; the frames after the last character are free. Among the ways to do that the most probable wins,
the earliest of equals. With gain[j, t] = log p(character j at t) - log p(blank at t), the best score of the
first j characters with the last of them at t is

    best[j, t] = gain[j, t] + max(best[j - 1, s] for s < t)

so one running maximum over all frames per character replaces a loop over frames.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Emission: TypeAlias = NDArray[np.float32]
"""Log probabilities (frames, vocabulary)."""

WILDCARD = -1
"""A character outside the vocabulary: it scores as the best of all characters in every frame."""


@dataclass(frozen=True, slots=True)
class CharacterTimes:
    """Where each character lies, as arrays (characters,); frames count from the start of the emission."""

    starts: NDArray[np.int64]
    """Frame in which the character is heard."""
    ends: NDArray[np.int64]
    """Frame in which the next one is heard; for the last character the frame after its own."""
    scores: NDArray[np.float64]
    """Mean probability over the character's frames, 0 to 1."""


def align_characters(emission: Emission, tokens: NDArray[np.int64], blank: int) -> CharacterTimes | None:
    """Return when each of `tokens` (vocabulary ids or WILDCARD) is heard; None where they cannot fit."""
    frames, characters = len(emission), len(tokens)
    if characters == 0 or frames < characters or not np.isfinite(emission).all():
        return None
    log_probs = _character_log_probs(emission, tokens, blank)
    silence = emission[:, blank].astype(np.float64)
    places = _best_places(log_probs - silence, np.cumsum(silence))
    ends = np.append(places[1:], places[-1] + 1)
    return CharacterTimes(places, ends, _scores(log_probs, silence, places, ends))


def _character_log_probs(emission: Emission, tokens: NDArray[np.int64], blank: int) -> NDArray[np.float64]:
    """Return log probabilities (characters, frames), with the wildcard's in its places."""
    by_token = np.ascontiguousarray(emission.T)
    if (tokens == WILDCARD).any():
        wildcard = np.delete(by_token, blank, axis=0).max(axis=0)
        by_token = np.vstack([by_token, wildcard])  # the last row is what index WILDCARD picks
    return by_token[tokens].astype(np.float64)


def _best_places(gain: NDArray[np.float64], silence_so_far: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frame of every character (characters,); turns `gain` into best[j, t] in place."""
    characters, frames = gain.shape
    running = np.empty(frames)
    for character in range(1, characters):
        # before frame `character - 1` the previous characters cannot all have been heard
        first = character - 1
        np.maximum.accumulate(gain[first, first:], out=running[first:])
        gain[character, character:] += running[first:-1]
    places = np.empty(characters, dtype=np.int64)
    last = characters - 1
    places[last] = last + np.argmax(gain[last, last:] + silence_so_far[last:])
    for character in range(last - 1, -1, -1):
        places[character] = character + np.argmax(gain[character, character : places[character + 1]])
    return places


def _scores(
    log_probs: NDArray[np.float64],
    silence: NDArray[np.float64],
    places: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean probability of each character's frames: its own first, then blank ones."""
    heard = np.exp(log_probs[np.arange(len(places)), places])
    silent_until = np.concatenate([[0.0], np.cumsum(np.exp(silence))])
    scores: NDArray[np.float64] = (heard + silent_until[ends] - silent_until[places + 1]) / (ends - places)
    return scores
