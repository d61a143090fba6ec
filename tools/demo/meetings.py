"""The two sample meetings of the bundle: scripts whose slots are filled to held-out sentences."""

import random
import zlib
from collections.abc import Sequence
from pathlib import Path

from .conversation import Pace, Track
from .grammar import Sentence, draw_split
from .scripts import BESPRECHUNG, MEETING, Script
from .synthesis.speaking import speak
from .templates import TEMPLATES
from .truth import Recording, write_recording
from .voices import ENGLISH, GERMAN, Voice

PACE = Pace(pause=(0.2, 0.5), change=(0.3, 0.9))
MEETING_VOICES = ("flite-slt", "flite-rms", "flite-awb")
BESPRECHUNG_VOICES = ("espeak-de+f2", "espeak-de+m3")


def write_meetings(folder: Path, seed: int) -> None:
    """meeting.flac (English, three voices) and besprechung.flac (German, two), each with its truth."""
    write_recording(_perform(MEETING, _voices(ENGLISH, MEETING_VOICES), seed), folder / "meeting.flac")
    write_recording(
        _perform(BESPRECHUNG, _voices(GERMAN, BESPRECHUNG_VOICES), seed), folder / "besprechung.flac"
    )


def _voices(among: Sequence[Voice], labels: Sequence[str]) -> list[Voice]:
    by_label = {voice.label: voice for voice in among}
    return [by_label[label] for label in labels]


def _perform(script: Script, voices: list[Voice], seed: int) -> Recording:
    rng = random.Random(seed)
    turns = [
        (voices[number], [_fill(rng, template) for template in templates]) for number, templates in script
    ]
    language = voices[0].language
    spoken = {}
    for voice in voices:  # one voice after the other: the C libraries keep global state
        texts = [
            sentence.text(language)
            for speaker, sentences in turns
            for sentence in sentences
            if speaker == voice
        ]
        spoken[voice] = speak(voice, texts, random.Random(zlib.crc32(voice.label.encode()) + seed))
        spoken[voice] = iter(list(spoken[voice]))
    track = Track(language)
    for voice, sentences in turns:
        speeches = [next(spoken[voice]) for _ in sentences]
        track.say(voice.label, speeches, PACE.draw_pauses(rng, len(sentences)))
    return track.recording()


def _fill(rng: random.Random, english: str) -> Sentence:
    """A held-out sentence of the template whose English pattern is given."""
    template = next(index for index, (pattern, _) in enumerate(TEMPLATES) if pattern == english)
    while True:
        sentence = draw_split(rng, held_out=True)
        if sentence.template == template:
            return sentence
