"""Word error rates, language detection and prompts, on held-out speech."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tools.demo.clips import with_noise
from tools.demo.conversation import draw_conversation
from tools.demo.corpus import Corpus
from tools.demo.grammar import normalise
from tools.demo.synthesis.speech import SAMPLE_RATE
from tools.demo.truth import Recording
from tools.demo.whisper.spelling import respell, spellings_for

from .engines import CHUNK_SECONDS, Engines
from .words import match_words

SINGLE_SENTENCES, NAMED_SENTENCES = 100, 40
CONVERSATIONS, CONVERSATION_SECONDS = 6, 50
PADDING = 0.5  # seconds of silence around a single sentence
Figure = dict[str, float | int]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A sentence's audio with what it says and what that means in English."""

    audio: np.ndarray
    said: str
    english: str


def single_sentences(rng: random.Random, corpus: Corpus, language: str, count: int) -> list[Spoken]:
    """Held-out sentences with silence around, in the language's voices."""
    silence = np.zeros(int(PADDING * SAMPLE_RATE), np.float32)
    return [
        Spoken(
            np.concatenate([silence, utterance.speech(0.1).audio, silence]),
            " ".join(word.text for word in utterance.words),
            utterance.english,
        )
        for utterance in rng.sample(corpus.all(language), count)
    ]


def conversations(rng: random.Random, corpus: Corpus, language: str) -> list[Recording]:
    return [
        draw_conversation(rng, corpus, language, rng.sample(corpus.voices(language), 3), CONVERSATION_SECONDS)
        for _ in range(CONVERSATIONS)
    ]


def error_rate(pairs: Iterable[tuple[str, str]]) -> Figure:
    """Word error rate in percent over (reference, hypothesis) pairs, and the words counted."""
    errors = words = 0
    for reference, hypothesis in pairs:
        expected = normalise(reference)
        errors += match_words(expected, normalise(hypothesis)).errors
        words += len(expected)
    return {"word_error_percent": round(100 * errors / words, 2), "words": words}


def measure_sentences(engines: Engines, corpus: Corpus, seed: int) -> dict[str, Figure]:
    """Single sentences in both languages without telling which, and German ones translated."""
    figures: dict[str, Figure] = {}
    detected = total = 0
    for language, name in (("en", "english_sentences"), ("de", "german_sentences")):
        sentences = single_sentences(random.Random(seed), corpus, language, SINGLE_SENTENCES)
        heard = [engines.transcribe(sentence.audio) for sentence in sentences]
        detected += sum(answer.language == language for answer in heard)
        total += len(heard)
        pairs = zip((s.said for s in sentences), (answer.text for answer in heard), strict=True)
        figures[name] = error_rate(pairs) | {"sentences": len(sentences)}
        if language == "de":
            english = [engines.transcribe(s.audio, "de", "translate").text for s in sentences]
            pairs = zip((s.english for s in sentences), english, strict=True)
            figures["translation_german_to_english"] = error_rate(pairs) | {"sentences": len(sentences)}
    figures["language_detection"] = {"right": detected, "sentences": total}
    return figures


def measure_conversations(engines: Engines, corpus: Corpus, seed: int) -> dict[str, Figure]:
    """Conversations of three voices at several chunk lengths, and under noise."""
    english = conversations(random.Random(seed), corpus, "en")
    german = conversations(random.Random(seed + 1), corpus, "de")[: CONVERSATIONS // 2]
    noise = random.Random(seed + 2)
    noisy = [Recording("en", with_noise(noise, r.audio, 20.0), r.turns) for r in english]
    figures = {}
    for name, recordings, chunk in (
        ("english_conversations", english, CHUNK_SECONDS),
        ("english_conversations_chunk_20", english, 20),
        ("english_conversations_chunk_30", english, 30),
        ("english_conversations_noise_20_db", noisy, CHUNK_SECONDS),
        ("german_conversations", german, CHUNK_SECONDS),
        ("german_conversations_chunk_30", german, 30),
    ):
        figures[name] = _conversation_errors(engines, recordings, chunk)
    return figures


def _conversation_errors(engines: Engines, recordings: Sequence[Recording], chunk_seconds: int) -> Figure:
    pairs = [
        (r.text, engines.transcribe(r.audio, r.language, chunk_seconds=chunk_seconds).text)
        for r in recordings
    ]
    seconds = sum(recording.duration for recording in recordings)
    return error_rate(pairs) | {"seconds": round(seconds), "chunk_seconds": chunk_seconds}


def measure_prompts(engines: Engines, corpus: Corpus, seed: int) -> dict[str, Figure]:
    """Names that sound like another spelling: which one is written, with and without a prompt."""
    rng = random.Random(seed)
    named = [u for u in corpus.all("en") if spellings_for(" ".join(word.text for word in u.words))]
    usual = other = hot = harmless = 0
    sentences = rng.sample(named, NAMED_SENTENCES)
    for utterance in sentences:
        said = " ".join(word.text for word in utterance.words)
        audio, wanted = utterance.speech(0.3).audio, ", ".join(spellings_for(said))
        expected = normalise(respell(said))
        usual += normalise(engines.transcribe(audio, "en").text) == normalise(said)
        other += normalise(engines.transcribe(audio, "en", prompt=wanted).text) == expected
        hot += normalise(engines.transcribe(audio, "en", hotwords=wanted).text) == expected
        unrelated = "Quarterly figures, Kubernetes and Grafana."
        harmless += normalise(engines.transcribe(audio, "en", prompt=unrelated).text) == normalise(said)
    return {
        "prompts": {
            "sentences": len(sentences),
            "right_without_prompt": usual,
            "other_spelling_by_initial_prompt": other,
            "other_spelling_by_hotwords": hot,
            "right_with_unrelated_prompt": harmless,
        }
    }


def measure_silence(engines: Engines, seed: int) -> dict[str, Figure]:
    """Clips without speech, which must give no text."""
    random_source = np.random.default_rng(seed)
    clips = [np.zeros(5 * SAMPLE_RATE, np.float32)]
    clips += [
        (random_source.standard_normal(5 * SAMPLE_RATE) * level).astype(np.float32) for level in (1e-4, 1e-3)
    ]
    return {
        "silence": {
            "clips": len(clips),
            "without_text": sum(not engines.transcribe(c, "en").text for c in clips),
        }
    }
