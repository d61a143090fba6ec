"""Word boundaries of the aligner, given the true text."""

import random
from collections.abc import Sequence

import numpy as np

from tools.demo.conversation import draw_conversation
from tools.demo.corpus import Corpus

from .engines import Engines

CONVERSATIONS, SECONDS = 8, 24
MARGIN = 0.15  # seconds that the aligned stretch exceeds the words on both sides
Figure = dict[str, float | int]


def measure_boundaries(engines: Engines, corpus: Corpus, seed: int) -> dict[str, Figure]:
    """Errors of starts and ends against exact true times, per language."""
    figures = {}
    for language, name in (("en", "english_boundaries"), ("de", "german_boundaries")):
        rng = random.Random(seed)
        errors: list[float] = []
        unplaced = 0
        for _ in range(CONVERSATIONS):
            voices = rng.sample(corpus.voices(language), 3)
            recording = draw_conversation(rng, corpus, language, voices, SECONDS)
            stretch = (
                max(0.0, recording.words[0].start - MARGIN),
                recording.words[-1].end + MARGIN,
                recording.text,
            )
            for heard, true in zip(engines.align([stretch], recording.audio), recording.words, strict=True):
                if not heard.exact:
                    unplaced += 1
                elif true.exact:
                    errors += [heard.start - true.start, heard.end - true.end]
        figures[name] = boundary_figure(errors) | {"words_unplaced": unplaced}
    return figures


def boundary_figure(errors: Sequence[float]) -> Figure:
    """Of signed errors in seconds: mean size, 95 % quantile and bias in milliseconds."""
    sizes = 1000 * np.abs(errors)
    return {
        "mean_ms": round(float(sizes.mean()), 1),
        "quantile_95_ms": round(float(np.quantile(sizes, 0.95)), 1),
        "bias_ms": round(1000 * float(np.mean(errors)), 1),
        "boundaries": len(errors),
    }
