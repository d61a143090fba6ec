"""Random parallel meeting sentences, and which of them are held out from all training."""

import random
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from . import vocabulary
from .templates import TEMPLATES

FIXED_SHARE = 0.12  # share of drawn sentences that have no slot
HELD_OUT_ONE_IN = 10

_SLOTTED = tuple(index for index, (english, _) in enumerate(TEMPLATES) if "{" in english)
_FIXED = tuple(index for index, (english, _) in enumerate(TEMPLATES) if "{" not in english)
_CONTRACTIONS = {"zu dem ": "zum ", "zu der ": "zur ", "in dem ": "im ", "an dem ": "am "}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One meaning in both languages; `template` is its index in `TEMPLATES`."""

    template: int
    english: str
    german: str

    def text(self, language: str) -> str:
        return self.german if language == "de" else self.english


def draw_sentence(rng: random.Random) -> Sentence:
    """A random sentence with its slots filled."""
    template = rng.choice(_FIXED if rng.random() < FIXED_SHARE else _SLOTTED)
    name, partner = rng.sample(vocabulary.NAMES, 2)
    topic, other = rng.sample(vocabulary.TOPICS, 2)
    slots: dict[str, str | vocabulary.Term] = {
        "name": name,
        "partner": partner,
        "topic": topic,
        "other": other,
        "day": rng.choice(vocabulary.DAYS),
        "number": rng.choice(vocabulary.NUMBERS),
        "quality": rng.choice(vocabulary.QUALITIES),
        "place": rng.choice(vocabulary.PLACES),
        "time": rng.choice(vocabulary.TIMES),
    }
    return fill(template, slots)


def fill(template: int, slots: Mapping[str, str | vocabulary.Term]) -> Sentence:
    """The sentence of the template with that index; `slots` may hold more than it needs."""
    english, german = (pattern.format(**slots) for pattern in TEMPLATES[template])
    for full, short in _CONTRACTIONS.items():
        german = german.replace(full, short)
    return Sentence(template, english, german[0].upper() + german[1:])


def is_held_out(sentence: Sentence) -> bool:
    """True for one in ten of the distinct sentences with slots, by a hash of the English text."""
    return sentence.template in _SLOTTED and zlib.crc32(sentence.english.encode()) % HELD_OUT_ONE_IN == 0


def draw_split(rng: random.Random, *, held_out: bool) -> Sentence:
    """A random sentence of the wanted side of the split."""
    while True:
        sentence = draw_sentence(rng)
        if is_held_out(sentence) == held_out:
            return sentence


def normalise(text: str) -> list[str]:
    """Lower-case words without punctuation, as word error rates count them."""
    return re.sub(r"[^a-zäöüß' ]", "", text.lower()).split()
