"""Conversations of held-out sentences with known words, times and voices."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from .clips import decibels, with_noise
from .corpus import Corpus
from .synthesis.speech import SAMPLE_RATE, Speech
from .truth import Recording, SpokenTurn

MARGIN = 0.05  # seconds kept around each sentence's words
LEAD = 0.3  # seconds before the first and after the last sentence
LEVEL = decibels(-7)  # of all sentences: a usual level of speech, and smaller files


@dataclass(frozen=True, slots=True)
class Pace:
    """Ranges to draw from: sentences per turn, seconds between sentences of a turn and between turns."""

    sentences: tuple[int, int] = (1, 3)
    pause: tuple[float, float] = (0.1, 0.4)
    change: tuple[float, float] = (0.15, 0.9)

    def draw_pauses(self, rng: random.Random, count: int) -> list[float]:
        """Seconds after each of a turn's `count` sentences."""
        pauses = [rng.uniform(*self.pause) for _ in range(count)]
        pauses[-1] += rng.uniform(*self.change)
        return pauses


@dataclass
class Track:
    """A recording being laid out, from left to right."""

    language: str
    at: float = LEAD
    _pieces: list[tuple[float, np.ndarray]] = field(default_factory=list)
    _turns: list[SpokenTurn] = field(default_factory=list)

    def say(
        self, voice: str, sentences: Sequence[Speech], pauses: Sequence[float], gain: float = 1.0
    ) -> None:
        """One turn; after each sentence its pause, in seconds (negative: what follows overlaps)."""
        words = []
        for sentence, pause in zip(sentences, pauses, strict=True):
            speech = sentence.cut_to_words(MARGIN)
            self._pieces.append((self.at, speech.audio * gain * LEVEL))
            words += [word.shifted(self.at) for word in speech.words]
            self.at += len(speech.audio) / SAMPLE_RATE + pause
        text = " ".join(word.text for word in words)
        self._turns.append(SpokenTurn(voice, text, tuple(words)))

    def recording(self) -> Recording:
        """What was laid out, with `LEAD` seconds after the last word."""
        end = max(turn.end for turn in self._turns) + LEAD
        audio = np.zeros(int(end * SAMPLE_RATE), np.float32)
        for at, piece in self._pieces:
            first = int(at * SAMPLE_RATE)
            audio[first : first + len(piece)] += piece[: len(audio) - first]
        return Recording(self.language, np.clip(audio, -1, 1), tuple(self._turns))


def draw_conversation(
    rng: random.Random,
    corpus: Corpus,
    language: str,
    voices: Sequence[str],
    seconds: float,
    *,
    pace: Pace | None = None,
    noise_db: float | None = None,
) -> Recording:
    """Random turns until `seconds` have passed: every voice once in order, then anyone but the last one."""
    pace = pace or Pace()
    track = Track(language)
    gains = {voice: decibels(rng.uniform(-3, 3)) for voice in voices}
    order, speaker = list(voices), ""
    while track.at < seconds:
        others = [voice for voice in voices if voice != speaker]
        speaker = order.pop(0) if order else rng.choice(others or list(voices))
        count = rng.randint(*pace.sentences)
        sentences = [rng.choice(corpus.of(language, speaker)).speech() for _ in range(count)]
        track.say(speaker, sentences, pace.draw_pauses(rng, count), gains[speaker])
    recording = track.recording()
    if noise_db is None:
        return recording
    return Recording(language, with_noise(rng, recording.audio, noise_db), recording.turns)
