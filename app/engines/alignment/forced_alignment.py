"""The most probable moment of every character, given what the network heard: no per-frame Python.

The rule is whisperX's. A character is heard in exactly one frame, blank in all frames up to the next
character; the frames after the last character are free. Among the ways to do that the most probable wins,
the earliest of equals. With gain[j, t] = log p(character j at t) - log p(blank at t), the best score of the
first j characters with the last of them at t is

    best[j, t] = gain[j, t] + max(best[j - 1, s] for s < t)

so one running maximum over all frames per character replaces a loop over frames.

Where a character ends is decided otherwise than in whisperX, on purpose. There it lasts until the next one is
heard, be that the blank between two words behind a pause of seconds. Here it ends at the latest shortly after
the network has stopped hearing any character, so that no word lasts into the pause behind it.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Emission: TypeAlias = NDArray[np.float32]
"""Log probabilities (frames, vocabulary)."""

WILDCARD = -1
"""A character outside the vocabulary: it scores as the best of all characters in every frame."""

AUDIBLE = 0.1
"""Probability of all characters together above which something is being said in a frame."""
PAUSE_FRAMES = 8
"""So many frames (of 20 ms) without anything audible are a pause, fewer are part of a character."""
DECAY_FRAMES = 3
"""How long a character goes on after the last audible frame: networks hear its beginning best."""
LONGEST_FRAMES = 20
"""No known character is heard longer; a wildcard may be a number, which takes as long as it takes."""


@dataclass(frozen=True, slots=True)
class CharacterTimes:
    """Where each character lies, as arrays (characters,); frames count from the start of the emission."""

    starts: NDArray[np.int64]
    """Frame in which the character is heard."""
    ends: NDArray[np.int64]
    """First frame behind it: where the next one is heard, or earlier where it has died away before that; for
    the last character the frame after its own."""
    scores: NDArray[np.float64]
    """Mean probability over the frames until the next character is heard, 0 to 1."""


def align_characters(
    emission: Emission, tokens: NDArray[np.int64], blank: int, separator: int | None = None
) -> CharacterTimes | None:
    """Return when each of `tokens` (vocabulary ids or WILDCARD) is heard; None where they cannot fit.

    `separator` is the token between words, where there is one: hearing it is hearing nothing said.
    """
    frames, characters = len(emission), len(tokens)
    if characters == 0 or frames < characters or not np.isfinite(emission).all():
        return None
    log_probs = _character_log_probs(emission, tokens, blank)
    silence = emission[:, blank].astype(np.float64)
    places = _best_places(log_probs - silence, np.cumsum(silence))
    nexts = np.append(places[1:], places[-1] + 1)
    said = 1 - np.exp(silence)
    if separator is not None:
        said -= np.exp(emission[:, separator].astype(np.float64))
    ends = _died_away(np.flatnonzero(said > AUDIBLE), places, nexts, tokens == WILDCARD)
    return CharacterTimes(places, ends, _scores(log_probs, silence, places, nexts))


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


def _died_away(
    audible: NDArray[np.int64],
    places: NDArray[np.int64],
    nexts: NDArray[np.int64],
    unlimited: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the first frame behind each character (characters,), at the latest that of the next one.

    `audible` are the frames in which anything is said, in order.
    """
    never = nexts[-1] + PAUSE_FRAMES + 1
    heard = np.append(audible[audible < nexts[-1]], never)
    run_ends = np.append(np.flatnonzero(np.diff(heard) > PAUSE_FRAMES), len(heard) - 1)
    following = np.searchsorted(heard, places)
    run_end = heard[run_ends[np.searchsorted(run_ends, following)]]
    beyond = np.where(unlimited, nexts, np.minimum(nexts, places + LONGEST_FRAMES))
    goes_on = heard[following] < np.minimum(beyond, places + PAUSE_FRAMES + 1)
    latest = heard[np.searchsorted(heard, beyond) - 1]
    last = np.where(goes_on, np.minimum(run_end, latest), places)
    ends: NDArray[np.int64] = np.minimum(nexts, last + 1 + DECAY_FRAMES)
    return ends


def _scores(
    log_probs: NDArray[np.float64],
    silence: NDArray[np.float64],
    places: NDArray[np.int64],
    nexts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean probability of the frames up to the next character: its own first, then blank ones."""
    heard = np.exp(log_probs[np.arange(len(places)), places])
    silent_until = np.concatenate([[0.0], np.cumsum(np.exp(silence))])
    scores: NDArray[np.float64] = (heard + silent_until[nexts] - silent_until[places + 1]) / (nexts - places)
    return scores
