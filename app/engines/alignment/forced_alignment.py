"""CTC forced alignment: the most probable frame of every character of a known text, without per-frame loops.

The path is whisperX's. A character is heard in exactly one frame, blank in all frames up to the next
character; the frames after the last character are free. Among such paths the most probable wins, the
earliest of equals. With gain[j, t] = log p(character j at t) - log p(blank at t), the best score of the
first j characters with the last of them at t is

    best[j, t] = gain[j, t] + max(best[j - 1, s] for s < t)

so that per character one running maximum over all frames replaces a loop over them.

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
"""Token of a character outside the vocabulary: in every frame it scores as the best character there."""

SPEECH_THRESHOLD = 0.1
"""Probability of all characters together above which a frame counts as speech."""
PAUSE_FRAMES = 8
"""More frames (of 20 ms) than this without speech are a pause, fewer are part of a character."""
DECAY_FRAMES = 3
"""Frames that a character goes on after the last one of speech: networks hear its beginning best."""
MAX_CHARACTER_FRAMES = 20
"""No character of the vocabulary lasts longer; a wildcard has no limit, since it may be spoken as a word."""


@dataclass(frozen=True, slots=True)
class CharacterTimes:
    """Frames of each character, as arrays (characters,), counted from the start of the emission."""

    starts: NDArray[np.int64]
    """Frame in which the character is heard."""
    ends: NDArray[np.int64]
    """First frame behind it: that of the next character, or an earlier one where a pause begins before; for
    the last character the frame after its own."""
    scores: NDArray[np.float64]
    """Mean probability over the frames until the next character is heard, 0 to 1."""


def align_characters(
    emission: Emission, tokens: NDArray[np.int64], blank: int, separator: int | None = None
) -> CharacterTimes | None:
    """Return the frames of `tokens` (characters,), which are ids of the vocabulary or WILDCARD.

    None where they cannot fit: fewer frames than characters, or values that are not finite. `separator` is
    the token between words, if any, which like `blank` is no speech.
    """
    frames, characters = len(emission), len(tokens)
    if characters == 0 or frames < characters or not np.isfinite(emission).all():
        return None
    log_probs = _character_log_probs(emission, tokens, blank)
    blanks = emission[:, blank].astype(np.float64)
    starts = _best_path(log_probs - blanks, np.cumsum(blanks))
    nexts = np.append(starts[1:], starts[-1] + 1)
    speech = 1 - np.exp(blanks)
    if separator is not None:
        speech -= np.exp(emission[:, separator].astype(np.float64))
    ends = _ends(np.flatnonzero(speech > SPEECH_THRESHOLD), starts, nexts, tokens == WILDCARD)
    return CharacterTimes(starts, ends, _scores(log_probs, blanks, starts, nexts))


def _character_log_probs(emission: Emission, tokens: NDArray[np.int64], blank: int) -> NDArray[np.float64]:
    """Return the log probabilities of `tokens`, (characters, frames)."""
    by_token = np.ascontiguousarray(emission.T)
    if (tokens == WILDCARD).any():
        wildcard = np.delete(by_token, blank, axis=0).max(axis=0)
        by_token = np.vstack([by_token, wildcard])  # the last row is what index WILDCARD picks
    return by_token[tokens].astype(np.float64)


def _best_path(gain: NDArray[np.float64], blanks_so_far: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the frame of every character (characters,); turns `gain` into best[j, t] in place."""
    characters, frames = gain.shape
    running = np.empty(frames)
    for character in range(1, characters):
        # before frame `character - 1` the previous characters cannot all have been heard
        first = character - 1
        np.maximum.accumulate(gain[first, first:], out=running[first:])
        gain[character, character:] += running[first:-1]
    path = np.empty(characters, dtype=np.int64)
    last = characters - 1
    path[last] = last + np.argmax(gain[last, last:] + blanks_so_far[last:])
    for character in range(last - 1, -1, -1):
        path[character] = character + np.argmax(gain[character, character : path[character + 1]])
    return path


def _ends(
    speech: NDArray[np.int64],
    starts: NDArray[np.int64],
    nexts: NDArray[np.int64],
    unlimited: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Return the first frame behind each character (characters,), at the latest that of the next one.

    Args:
        speech: the frames of speech, in order.
        starts: the frame of each character (characters,).
        nexts: the frame of the character after it (characters,).
        unlimited: which characters may last longer than MAX_CHARACTER_FRAMES (characters,).
    """
    never = nexts[-1] + PAUSE_FRAMES + 1
    speech = np.append(speech[speech < nexts[-1]], never)
    run_ends = np.append(np.flatnonzero(np.diff(speech) > PAUSE_FRAMES), len(speech) - 1)
    following = np.searchsorted(speech, starts)
    run_end = speech[run_ends[np.searchsorted(run_ends, following)]]
    limit = np.where(unlimited, nexts, np.minimum(nexts, starts + MAX_CHARACTER_FRAMES))
    goes_on = speech[following] < np.minimum(limit, starts + PAUSE_FRAMES + 1)
    latest = speech[np.searchsorted(speech, limit) - 1]
    last = np.where(goes_on, np.minimum(run_end, latest), starts)
    ends: NDArray[np.int64] = np.minimum(nexts, last + 1 + DECAY_FRAMES)
    return ends


def _scores(
    log_probs: NDArray[np.float64],
    blanks: NDArray[np.float64],
    starts: NDArray[np.int64],
    nexts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean probability (characters,) of each one's own frame and the blank ones up to the next."""
    own = np.exp(log_probs[np.arange(len(starts)), starts])
    blank_until = np.concatenate([[0.0], np.cumsum(np.exp(blanks))])
    scores: NDArray[np.float64] = (own + blank_until[nexts] - blank_until[starts + 1]) / (nexts - starts)
    return scores
