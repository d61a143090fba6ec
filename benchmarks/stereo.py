"""Which stereo channels=auto takes apart: calls on channels of their own, no music and no room.

Real music in stereo, by itself and under a conversation; conversations of the voices of benchmarks/speech in
rooms of mirrored sources, before two microphones; the same people on channels of their own. Run as
`python -m benchmarks.stereo`.
"""

import argparse
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve

from app.audio.channel_contents import hold_different_people
from app.audio.channels import LEVEL_SAMPLES, LevelMeter
from app.audio.ffmpeg_binary import find_ffmpeg
from benchmarks import machine
from benchmarks.calls import LANGUAGES, LEVEL, keep, make_call, spoken
from benchmarks.pairs import Figure
from benchmarks.speech.clips import Clip, dialogue
from benchmarks.speech.fetch import CACHE, fetch, fetch_stereo_music
from tests.calls import RATE, Sound

WINDOW_SECONDS = 30
BED_LEVEL = 0.25
"""Of the music under a conversation, 12 dB less than that."""
LEVELS_OF_CALLS = (-15.0, -20.0, -25.0, -30.0)
REFLECTIONS = (0.5, 0.8)
"""How much of a sound each wall of a room gives back."""
SIZE = (6.0, 5.0, 3.0)
"""Of the room, in metres."""
MIRRORED = 6
"""How many walls away the farthest mirrored source is."""
METRES_PER_SECOND = 343.0
Place = tuple[float, float, float]


@dataclass(frozen=True)
class Setup:
    """Where two people sit in a room, and where the microphones are, in metres."""

    name: str
    people: tuple[Place, Place]
    microphones: tuple[Place, Place]


ROOMS = (
    Setup("17 cm apart on a table", ((2, 1.5, 1.2), (4, 3.5, 1.2)), ((2.92, 2.5, 0.8), (3.08, 2.5, 0.8))),
    Setup("1 m apart on a table", ((2, 1.5, 1.2), (4, 3.5, 1.2)), ((2.5, 2.5, 0.8), (3.5, 2.5, 0.8))),
    Setup("half a metre before each", ((1.75, 2.5, 1.2), (4.25, 2.5, 1.2)), ((2.2, 2.5, 1), (3.8, 2.5, 1))),
)
HEADSETS = Setup("headsets", ((2, 2.5, 1.2), (4, 2.5, 1.2)), ((2.1, 2.5, 1.2), (3.9, 2.5, 1.2)))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stereo", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the packages lie")
    parser.add_argument("--calls", type=int, default=8)
    asked = parser.parse_args()
    here = machine.describe()
    material = fetch(asked.cache)
    clips = {language: spoken(dialogue(material, language)) for language in LANGUAGES}
    talks = [make_call(clips[LANGUAGES[seed % 2]], seed).channels for seed in range(asked.calls)]
    results = [
        *music_figures(fetch_stereo_music(asked.cache), talks[0]),
        *room_figures(talks),
        *call_figures(clips, asked.calls),
    ]
    for result in results:
        print(result, flush=True)
    keep(here, results, "stereo")


def music_figures(files: Sequence[Path], talk: Sound) -> Iterator[Figure]:
    """Yield what is split of the music, of each window of it, and of a conversation over it."""
    pieces = [piece for piece in map(decoded, files) if piece is not None]
    windows = [window for piece in pieces for window in windows_of(piece)]
    yield split_figure("music", pieces, 0)
    yield split_figure(f"music, windows of {WINDOW_SECONDS} s", windows, 0)
    middle, wide = talk.sum(axis=0), talk + 0.5 * talk[::-1]
    beds = [bed(piece, talk.shape[1]) for piece in pieces]
    yield split_figure("a conversation in the middle over music", [middle + each for each in beds], 0)
    yield split_figure("a conversation 6 dB to the sides over music", [wide + each for each in beds], 0)


def room_figures(talks: Sequence[Sound]) -> Iterator[Figure]:
    for setup in (*ROOMS, HEADSETS):
        rooms = [in_room(talk, setup, walls) for talk in talks for walls in REFLECTIONS]
        goal = len(rooms) if setup is HEADSETS else 0
        yield split_figure(f"a conversation in a room, microphones: {setup.name}", rooms, goal)


def call_figures(clips: Mapping[str, Sequence[Clip]], calls: int) -> Iterator[Figure]:
    for level in LEVELS_OF_CALLS:
        made = [make_call(clips[LANGUAGES[seed % 2]], seed) for seed in range(calls)]
        sounds = [call.with_cross_talk(level, 0.04) for call in made]
        yield split_figure(f"calls with cross-talk of {level:g} dB", sounds, calls)


def split_figure(name: str, sounds: Sequence[Sound], goal: int) -> Figure:
    """Return how many of `sounds`, each of shape (2, samples), are taken apart."""
    split = sum(is_split(sound) for sound in sounds)
    return Figure(f"channels=auto: {name}", split, f"of {len(sounds)} taken apart", "", f"{goal}")


def is_split(sound: Sound) -> bool:
    meter = LevelMeter()
    meter.begin(0, 2)
    samples = (np.clip(sound, -1, 1) * 32767).astype(np.int16).T
    meter.take(samples[: len(samples) // LEVEL_SAMPLES * LEVEL_SAMPLES])
    return hold_different_people(meter.levels())


def decoded(file: Path) -> Sound | None:
    """Return both channels of `file`, shape (2, samples), or None where it is not in stereo."""
    command = [find_ffmpeg(), "-v", "error", "-i", str(file), "-af", "aformat=sample_fmts=s16"]
    command += ["-f", "s16le", "-ac", "2", "-ar", str(RATE), "-"]
    sound = subprocess.run(command, check=True, capture_output=True).stdout
    channels = np.frombuffer(sound, np.int16).reshape(-1, 2).T.astype(np.float32) / 32768
    return None if np.array_equal(*channels) else channels


def windows_of(piece: Sound) -> Iterator[Sound]:
    length = WINDOW_SECONDS * RATE
    for start in range(0, max(1, piece.shape[1] - length), length // 2):
        yield piece[:, start : start + length]


def bed(piece: Sound, length: int) -> Sound:
    """Return the music as long as a conversation, and softer."""
    music = np.stack([np.resize(channel, length) for channel in piece])
    return music * np.float32(BED_LEVEL * LEVEL / np.sqrt(np.mean(np.square(music))))


def in_room(talk: Sound, setup: Setup, reflection: float) -> Sound:
    """Return what the microphones hear of two people, shape (2, samples), with their own hiss."""
    heard = np.stack(
        [
            sum(
                oaconvolve(voice, answer_of_room(person, microphone, reflection))[: talk.shape[1]]
                for voice, person in zip(talk, setup.people, strict=True)
            )
            for microphone in setup.microphones
        ]
    )
    loud = heard * LEVEL / np.sqrt(np.mean(np.square(heard)))
    room: Sound = loud + np.random.default_rng(0).normal(0, 5e-4, heard.shape)
    return room


def answer_of_room(person: Place, microphone: Place, reflection: float) -> NDArray[np.float64]:
    """Return what a click of `person` gives at `microphone`, half a second of it, by mirrored sources."""
    answer = np.zeros(RATE // 2)
    for walls in product(range(-MIRRORED, MIRRORED + 1), repeat=3):
        mirrored = [
            2 * ((wall + 1) // 2) * size + (at if wall % 2 == 0 else -at)
            for wall, size, at in zip(walls, SIZE, person, strict=True)
        ]
        metres = float(np.linalg.norm(np.subtract(mirrored, microphone)))
        late = int(metres / METRES_PER_SECOND * RATE)
        if late < len(answer):
            answer[late] += reflection ** sum(map(abs, walls)) / metres
    return answer


if __name__ == "__main__":
    main()
