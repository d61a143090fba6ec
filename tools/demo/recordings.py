"""The engine tests' recordings: drawn from the held-out side of the corpus, not picked."""

import json
import random
from pathlib import Path

import numpy as np

from .clips import decibels
from .conversation import Pace, Track, draw_conversation
from .corpus import Corpus, Utterance
from .truth import Recording, write_recording

# English voices that listeners tell apart at once.
DISTINCT = ("flite-slt", "flite-rms", "flite-awb", "festival-ked_diphone", "espeak-en-us+f2", "espeak-en+m7")
PACE = Pace(sentences=(1, 3), pause=(0.2, 0.5), change=(0.3, 0.9))
CONVERSATIONS, SINGLES = 3, 8
OVERLAP, SILENCE = 1.0, 20.0  # seconds


def write_recordings(held_out: Corpus, folder: Path, seed: int) -> None:
    """Conversations, single sentences, translations, an overlap and a long silence, each with its truth."""
    rng = random.Random(seed)
    for count in (2, 3):
        for number in range(1, CONVERSATIONS + 1):
            voices = rng.sample(DISTINCT, count)
            recording = draw_conversation(rng, held_out, "en", voices, 28, pace=PACE)
            write_recording(recording, folder / f"conversation-en-{count}-voices-{number}.flac")
    voices = rng.sample(held_out.voices("de"), 2)
    write_recording(
        draw_conversation(rng, held_out, "de", voices, 26, pace=PACE), folder / "conversation-de.flac"
    )
    for language in ("en", "de"):
        for number, utterance in enumerate(rng.sample(held_out.all(language), SINGLES), start=1):
            write_recording(_alone(utterance), folder / f"sentence-{language}-{number}.flac")
    _write_translations(rng, held_out, folder)
    write_recording(_overlapping(rng, held_out), folder / "overlap.flac")
    write_recording(_interrupted(rng, held_out), folder / "long-silence.flac")


def _alone(utterance: Utterance) -> Recording:
    track = Track(utterance.language)
    track.say(utterance.voice, [utterance.speech()], [0.0])
    return track.recording()


def _write_translations(rng: random.Random, held_out: Corpus, folder: Path) -> None:
    """German sentences, and translation.json with what they say in both languages."""
    listed = []
    for number, utterance in enumerate(rng.sample(held_out.all("de"), SINGLES), start=1):
        name = f"translation-{number}.flac"
        write_recording(_alone(utterance), folder / name)
        listed.append({"file": name, "german": utterance.german, "english": utterance.english})
    (folder / "translation.json").write_text(json.dumps(listed, ensure_ascii=False, indent=1) + "\n")


def _overlapping(rng: random.Random, held_out: Corpus) -> Recording:
    """About 15 s of two voices; the second one starts a second before the first one ends."""
    first, second = rng.sample(DISTINCT[:4], 2)
    track = Track("en")
    for voice, count, pause in ((first, 3, -OVERLAP), (second, 3, 0.0)):
        speeches = [rng.choice(held_out.of("en", voice)).speech() for _ in range(count)]
        track.say(voice, speeches, [0.25] * (count - 1) + [pause])
    return track.recording()


def _interrupted(rng: random.Random, held_out: Corpus) -> Recording:
    """Two sentences with 20 s of faint noise between them."""
    voice = rng.choice(DISTINCT)
    track = Track("en")
    for pause in (SILENCE, 0.0):
        track.say(voice, [rng.choice(held_out.of("en", voice)).speech()], [pause])
    recording = track.recording()
    noise = np.random.default_rng(rng.randrange(1 << 30)).standard_normal(len(recording.audio)) * decibels(
        -82
    )
    return Recording("en", (recording.audio + noise).astype(np.float32), recording.turns)
