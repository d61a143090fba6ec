"""Diarization error of conversations, and speakers of words through the whole chain."""

import random
from collections.abc import Sequence
from itertools import permutations

from pyannote.core import Annotation, Segment
from pyannote.metrics.diarization import DiarizationErrorRate

from tools.demo.conversation import draw_conversation
from tools.demo.corpus import Corpus
from tools.demo.grammar import normalise
from tools.demo.synthesis.speech import SpokenWord

from .engines import Engines, HeardTurn
from .timing import boundary_figure
from .words import match_words

CONVERSATIONS, SECONDS = 6, 40
COLLAR = 0.25  # seconds left out around each true boundary, half of it on each side
Figure = dict[str, float | int]


def measure_diarization(engines: Engines, spoken: Corpus, unseen: Corpus, seed: int) -> dict[str, Figure]:
    """Two and three voices, of the bundle's own and of voices never trained on."""
    figures = {}
    for name, corpus in (("seen", spoken), ("unseen", unseen)):
        for count in (2, 3):
            rng = random.Random(seed + count)
            metric, right = DiarizationErrorRate(collar=COLLAR), 0
            for number in range(CONVERSATIONS):
                voices = rng.sample(corpus.voices("en"), count)
                noise = 30.0 if number % 2 else None
                recording = draw_conversation(rng, corpus, "en", voices, SECONDS, noise_db=noise)
                turns, _ = engines.diarize(recording.audio)
                metric(_annotation([(t.start, t.end, t.voice) for t in recording.turns]), _heard(turns))
                right += len({turn.speaker for turn in turns}) == count
            error = round(100 * abs(metric), 2)
            figures[f"diarization_{count}_{name}_voices"] = {
                "error_percent": error,
                "right_counts": right,
                "conversations": CONVERSATIONS,
            }
    return figures


def measure_chain(engines: Engines, corpus: Corpus, seed: int) -> dict[str, Figure]:
    """Transcribe, align, diarize and assign: words, boundaries and speakers of the same conversations."""
    rng = random.Random(seed)
    errors = words = placed = right = 0
    boundaries: list[float] = []
    for number in range(CONVERSATIONS):
        voices = rng.sample(corpus.voices("en"), 2 + number % 2)
        recording = draw_conversation(rng, corpus, "en", voices, SECONDS)
        heard = engines.transcribe(recording.audio, "en")
        aligned = engines.align(heard.segments, recording.audio)
        _, exclusive = engines.diarize(recording.audio)
        expected = ["".join(normalise(word.text)) for word in recording.words]
        match = match_words(expected, ["".join(normalise(word.text)) for word in aligned])
        errors, words = errors + match.errors, words + len(expected)
        pairs = [(recording.words[i], aligned[j]) for i, j in match.pairs if aligned[j].exact]
        for true, found in pairs:
            if true.exact:
                boundaries += [found.start - true.start, found.end - true.end]
        voices_of = {id(word): turn.voice for turn in recording.turns for word in turn.words}
        guesses = [(voices_of[id(true)], speaker_of(found, exclusive)) for true, found in pairs]
        right, placed = right + _best_mapping(guesses), placed + len(guesses)
    return {
        "whole_chain": boundary_figure(boundaries)
        | {
            "word_error_percent": round(100 * errors / words, 2),
            "words": words,
            "right_speaker_percent": round(100 * right / placed, 2),
        }
    }


def speaker_of(word: SpokenWord, turns: Sequence[HeardTurn]) -> str:
    """Label of the turn that shares most time with the word, or of the nearest one."""
    middle = (word.start + word.end) / 2

    def closeness(turn: HeardTurn) -> tuple[float, float]:
        shared = min(turn.end, word.end) - max(turn.start, word.start)
        return max(0.0, shared), -min(abs(turn.start - middle), abs(turn.end - middle))

    return max(turns, key=closeness).speaker if turns else ""


def _best_mapping(guesses: Sequence[tuple[str, str]]) -> int:
    """Guesses that are right under the best one-to-one naming of (true, found) labels."""
    true = sorted({pair[0] for pair in guesses})
    found = sorted({pair[1] for pair in guesses})
    found += [""] * max(0, len(true) - len(found))
    return max(
        sum((a, b) in set(zip(true, naming, strict=True)) for a, b in guesses)
        for naming in permutations(found, len(true))
    )


def _heard(turns: Sequence[HeardTurn]) -> Annotation:
    return _annotation([(turn.start, turn.end, turn.speaker) for turn in turns])


def _annotation(turns: Sequence[tuple[float, float, str]]) -> Annotation:
    annotation = Annotation()
    for track, (start, end, label) in enumerate(turns):
        annotation[Segment(start, end), track] = label
    return annotation
