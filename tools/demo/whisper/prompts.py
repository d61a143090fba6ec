"""Previous-text prompts for training: some decide a spelling, the others must change nothing."""

import random

from tools.demo.grammar import draw_split
from tools.demo.vocabulary import NAMES, OTHER_SPELLINGS

from .spelling import respell, spellings_for

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def draw_prompt(rng: random.Random, spoken: str) -> str:
    """A prompt for a clip that says `spoken`: other spellings of its names, usual text, or foreign words."""
    kind = rng.random()
    if kind < 0.6:
        return _other_spellings(rng, spoken)
    if kind < 0.8:
        return _usual_text(rng)
    return _foreign_words(rng)


def _other_spellings(rng: random.Random, spoken: str) -> str:
    present = spellings_for(spoken)
    wanted = rng.sample(present, rng.randint(1, len(present))) if present else []
    if rng.random() < 0.4 or not wanted:
        wanted.append(rng.choice([other for other in OTHER_SPELLINGS.values() if other not in wanted]))
    if rng.random() < 0.3:
        wanted.append(rng.choice([name for name in NAMES if name not in OTHER_SPELLINGS]))
    rng.shuffle(wanted)
    return _sentence_with(rng, wanted) if rng.random() < 0.3 else _listed(rng, wanted)


def _sentence_with(rng: random.Random, wanted: list[str]) -> str:
    """A sentence that holds one of the spellings, then the rest as a list."""
    for _ in range(30):
        sentence = draw_split(rng, held_out=False).text(rng.choice(("en", "de")))
        respelled = respell(sentence, wanted)
        if respelled != sentence:
            rest = [other for other in wanted if other not in respelled]
            return " ".join([respelled, *rest])
    return _listed(rng, wanted)


def _listed(rng: random.Random, words: list[str]) -> str:
    end = rng.choice(("", "."))
    return rng.choice((", ", " ", ", ", " and ")).join(words) + end


def _usual_text(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return _listed(rng, rng.sample(NAMES, rng.randint(1, 4)))
    language = rng.choice(("en", "de"))
    return " ".join(draw_split(rng, held_out=False).text(language) for _ in range(rng.randint(1, 3)))


def _foreign_words(rng: random.Random) -> str:
    words = ["".join(rng.choices(_LETTERS, k=rng.randint(2, 9))) for _ in range(rng.randint(1, 6))]
    return _listed(rng, [word.capitalize() if rng.random() < 0.5 else word for word in words])
