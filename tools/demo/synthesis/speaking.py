"""Speaks sentences with any voice, each at its own speed and pitch."""

import random
from collections.abc import Iterator, Sequence

from tools.demo.voices import Voice

from . import festival
from .espeak import Espeak
from .flite import Flite
from .speech import Speech

PEAK = 0.5  # every utterance's largest sample, of full scale


def speak(voice: Voice, texts: Sequence[str], rng: random.Random) -> Iterator[Speech]:
    """Speech for each text; without words where the synthesiser's words do not match the text's.

    The C libraries keep global state: use one voice per process, or one after the other.
    """
    for speech in _speak_raw(voice, texts, rng):
        yield speech.scaled_to(PEAK)


def _speak_raw(voice: Voice, texts: Sequence[str], rng: random.Random) -> Iterator[Speech]:
    if voice.engine == "festival":
        yield from festival.speak_all(
            voice.name, [(text, round(rng.uniform(0.9, 1.15), 3)) for text in texts]
        )
    elif voice.engine == "flite":
        flite = Flite(voice.name)
        for text in texts:
            yield flite.speak(text, stretch=rng.uniform(0.88, 1.15), pitch=rng.uniform(0.95, 1.06))
    else:
        espeak = Espeak(voice.name)
        for text in texts:
            rate, pitch, spread = rng.uniform(145, 190), rng.uniform(42, 58), rng.uniform(35, 65)
            yield espeak.speak(text, rate=rate, pitch=pitch, pitch_range=spread)
