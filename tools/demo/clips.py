"""Random training clips: one or several sentences of one language, with gaps, gains and noise."""

import random
from dataclasses import dataclass, replace

import numpy as np

from .corpus import Corpus, Utterance
from .synthesis.speech import SAMPLE_RATE, SpokenWord

MAX_VOICES = 3
MIN_WORDS_TO_CUT = 5


@dataclass(frozen=True, slots=True)
class SpokenSentence:
    """A sentence, or the part of it that a clip holds; times count from the clip's start."""

    english: str
    words: tuple[SpokenWord, ...]
    partial: bool = False

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Clip:
    """`audio`: float32 mono at 16 kHz."""

    language: str
    audio: np.ndarray
    sentences: tuple[SpokenSentence, ...]

    @property
    def words(self) -> list[SpokenWord]:
        return [word for sentence in self.sentences for word in sentence.words]


@dataclass(frozen=True, slots=True)
class ClipShape:
    """At most `seconds` and `sentences` (None: as many fit); `cut`: how often an end is in mid-sentence."""

    seconds: float
    sentences: int | None = None
    cut: float = 0.15


def decibels(value: float) -> float:
    """Amplitude factor of a level in dB."""
    return 10 ** (value / 20)


def draw_clip(rng: random.Random, corpus: Corpus, language: str, shape: ClipShape) -> Clip:
    """A clip that holds at least one sentence; at the cut ends a sentence misses its first or last words."""
    while True:
        audio, sentences = _lay_out(rng, corpus, language, shape)
        if sentences:
            break
    end = sentences[-1].end + rng.choice([0.05, rng.uniform(0, 0.5), rng.uniform(0, 1.0)])
    last = sentences[-1]
    if rng.random() < shape.cut and len(last.words) >= MIN_WORDS_TO_CUT and not last.partial:
        kept = rng.randrange(2, len(last.words))
        sentences[-1] = replace(last, words=last.words[:kept], partial=True)
        end = sentences[-1].end
    audio = audio[: int(min(end, shape.seconds) * SAMPLE_RATE)]
    return Clip(language, with_noise(rng, audio) if rng.random() < 0.5 else audio, tuple(sentences))


def draw_silence(rng: random.Random, language: str, seconds: float) -> Clip:
    """A clip without speech: nothing, or quiet noise."""
    audio = np.zeros(int(seconds * SAMPLE_RATE), np.float32)
    if rng.random() < 0.7:
        audio = _noise(rng, len(audio)) * decibels(rng.uniform(-70, -25))
    return Clip(language, audio, ())


def with_noise(rng: random.Random, audio: np.ndarray, ratio_db: float | None = None) -> np.ndarray:
    """`audio` plus white or low-passed noise at `ratio_db` (random if not given)."""
    ratio = rng.uniform(15, 45) if ratio_db is None else ratio_db
    level = (float(np.sqrt((audio**2).mean())) + 1e-4) * decibels(-ratio)
    return np.clip(audio + _noise(rng, len(audio)) * level, -1, 1).astype(np.float32)


def _noise(rng: random.Random, samples: int) -> np.ndarray:
    noise = np.random.default_rng(rng.randrange(1 << 30)).standard_normal(samples).astype(np.float32)
    return np.convolve(noise, np.ones(8, np.float32) / 3, "same") if rng.random() < 0.5 else noise


def _lay_out(
    rng: random.Random, corpus: Corpus, language: str, shape: ClipShape
) -> tuple[np.ndarray, list[SpokenSentence]]:
    """Sentences one after another on a silent track of `shape.seconds`."""
    labels = corpus.voices(language)
    voices = rng.sample(labels, min(MAX_VOICES, len(labels)))
    track = np.zeros(int(shape.seconds * SAMPLE_RATE), np.float32)
    gain = decibels(rng.uniform(-12, 4))
    at = rng.choice([0.0, rng.uniform(0, 0.3), rng.uniform(0, 0.8)])
    voice = rng.choice(voices)
    sentences: list[SpokenSentence] = []
    while shape.sentences is None or len(sentences) < shape.sentences:
        voice = rng.choice(voices) if rng.random() < 0.5 else voice
        utterance = rng.choice(corpus.of(language, voice))
        audio, sentence = _draw_piece(rng, utterance, cut=0.0 if sentences else shape.cut)
        if at + len(audio) / SAMPLE_RATE > shape.seconds:
            break
        first = int(at * SAMPLE_RATE)
        track[first : first + len(audio)] += (audio * gain * decibels(rng.uniform(-3, 3)))[
            : len(track) - first
        ]
        sentences.append(replace(sentence, words=tuple(word.shifted(at) for word in sentence.words)))
        at += len(audio) / SAMPLE_RATE + (
            rng.uniform(0.1, 1.0) if rng.random() < 0.85 else rng.uniform(0.02, 0.1)
        )
    return np.clip(track, -1, 1), sentences


def _draw_piece(rng: random.Random, utterance: Utterance, cut: float) -> tuple[np.ndarray, SpokenSentence]:
    """The utterance, now and then without its first words."""
    speech = utterance.speech(margin=rng.uniform(0.02, 0.1))
    audio, words = speech.audio, speech.words
    partial = rng.random() < cut and len(words) >= MIN_WORDS_TO_CUT
    if partial:
        first = rng.randrange(1, len(words) - 2)
        start = words[first].start
        audio = audio[int(start * SAMPLE_RATE) :]
        words = tuple(word.shifted(-start) for word in words[first:])
    return audio, SpokenSentence(utterance.english, words, partial)
