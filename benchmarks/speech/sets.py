"""The sets, each made the same way every time."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyannote.audio

from app.audio.waveform import SAMPLE_RATE, Waveform
from benchmarks.speech.clips import PROMPTS, Clip, dialogue, music, prompts, samples_of
from benchmarks.speech.fetch import Material
from benchmarks.speech.noises import NOISES
from benchmarks.speech.recordings import Passage, Recording, SpeechSet, mix

PAIRS = (
    ("en", "es"),
    ("nl", "fr"),
    ("en", "fr"),
    ("cs", "en"),
    ("it", "nl"),
    ("ru", "en"),
    ("fr", "it"),
    ("es", "ru"),
    ("nl", "en"),
    ("fr", "cs"),
)
LANGUAGES = ("en", "es", "fr", "it", "ru", "nl")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the sets are made from, and how much of them is wanted."""

    material: Material
    meetings: Path | None = None
    """A directory of recordings with an RTTM file that says who speaks when."""
    short: bool = False

    def clips(self, language: str) -> list[Clip]:
        """Return the held-out clips of `language`, in an order drawn once and for all."""
        found = prompts(self.material, language) if language in PROMPTS else dialogue(self.material, language)
        held_out = [clip for clip in found if clip.is_held_out]
        random.Random(language).shuffle(held_out)
        return held_out

    def some(self, few: int, many: int) -> int:
        """Return how many: `few` in the short form."""
        return few if self.short else many


def dutch(source: Source) -> SpeechSet:
    return _dialogues(source, "nl", "dutch")


def czech(source: Source) -> SpeechSet:
    return _dialogues(source, "cs", "czech")


def borders(source: Source) -> SpeechSet:
    """Return Dutch and Czech dialogue again: when do the first and last words of each clip sound?"""
    recordings = (*_mixes(source, "nl", 3, 2), *_mixes(source, "cs", 3, 2))
    return SpeechSet("borders", ("borders", "confidence"), recordings, word_times=True)


def telephone(_source: Source) -> SpeechSet:
    """Return pyannote's sample: two women talk on the telephone."""
    sample = Path(pyannote.audio.__file__).parent / "sample" / "sample.wav"
    passages = [_spoken(line) for line in sample.with_suffix(".stm").read_text(encoding="utf-8").splitlines()]
    recording = Recording("telephone", lambda: samples_of(sample), tuple(passages))
    return SpeechSet("telephone", ("words",), (recording,), language="en")


def nothing(source: Source) -> SpeechSet:
    """Return music, noise, hum, tones and silence, up to a minute of each."""
    pieces = list(music(source.material))[:: source.some(7, 1)]
    recordings = [Recording(f"music {file.stem}", _first_minute(file)) for file in pieces]
    recordings += [Recording(name, make) for name, make in list(NOISES.items())[:: source.some(3, 1)]]
    return SpeechSet("nothing", ("invented",), tuple(recordings))


def short_prompts(source: Source) -> SpeechSet:
    """Return prompts of one sentence, each by itself: which language is it?"""
    chosen = [clip for code in LANGUAGES for clip in source.clips(code)[: source.some(2, 40)]]
    recordings = [mix(f"{clip.language}/{clip.file.stem}", [clip]) for clip in chosen]
    return SpeechSet("prompts", ("language",), tuple(recordings))


def mixed(source: Source) -> SpeechSet:
    """Return recordings of two languages, half a minute of one and then of the other."""
    pairs = [*PAIRS, *((second, first) for first, second in PAIRS)][: source.some(1, 20)]
    recordings = [
        mix(f"{first}-{second}", _half_minute(source, first, place) + _half_minute(source, second, place))
        for place, (first, second) in enumerate(pairs)
    ]
    return SpeechSet("mixed", ("passages", "borders"), tuple(recordings), word_times=True)


def single(source: Source) -> SpeechSet:
    """Return recordings of one language, half a minute each: none may change its language."""
    languages = [*LANGUAGES, "cs"]
    count = source.some(1, 40)
    recordings = [
        mix(f"{code} {place}", _half_minute(source, code, 30 + place))
        for place, code in ((place, languages[place % len(languages)]) for place in range(count))
    ]
    return SpeechSet("single", ("passages",), tuple(recordings), references=False)


def translation(source: Source) -> SpeechSet:
    """Return Dutch dialogue to be written in English."""
    return SpeechSet("translation", ("english",), _mixes(source, "nl", 3, 10), "nl", "translate")


def speed(source: Source) -> SpeechSet:
    """Return a mix of Dutch dialogue, to be timed while the machine does nothing else."""
    return SpeechSet("speed", ("time",), _mixes(source, "nl", 6, 1), language="nl")


def meetings(source: Source) -> SpeechSet:
    """Return the recordings of the directory that was named, with the times at which somebody speaks."""
    assert source.meetings is not None
    spoken: dict[str, list[Passage]] = {}
    for rttm in sorted(source.meetings.glob("*.rttm")):
        for line in rttm.read_text(encoding="utf-8").splitlines():
            _, name, _, start, length, *_ = line.split()
            passage = Passage(float(start), float(start) + float(length), "en")
            spoken.setdefault(name, []).append(passage)
    recordings = [
        Recording(name, _whole(next(source.meetings.glob(f"{name}.*[!m]"))), tuple(passages))
        for name, passages in sorted(spoken.items())
    ]
    return SpeechSet("meetings", ("missed",), tuple(recordings))


SETS: Mapping[str, Callable[[Source], SpeechSet]] = {
    "dutch": dutch,
    "czech": czech,
    "telephone": telephone,
    "borders": borders,
    "nothing": nothing,
    "prompts": short_prompts,
    "mixed": mixed,
    "single": single,
    "translation": translation,
    "speed": speed,
    "meetings": meetings,
}


def build(source: Source, names: Sequence[str]) -> Iterator[SpeechSet]:
    """Yield the sets of these names; without a directory of meetings there is no such set."""
    for name in names:
        if name != "meetings" or source.meetings is not None:
            yield SETS[name](source)


def _dialogues(source: Source, code: str, name: str) -> SpeechSet:
    return SpeechSet(name, ("words",), _mixes(source, code, 0, 3), language=code)


def _mixes(source: Source, code: str, first: int, count: int) -> tuple[Recording, ...]:
    """Return `count` mixes of thirty clips, two minutes each; ten clips in the short form."""
    clips, size = source.clips(code), source.some(10, 30)
    places = range(first, first + (1 if source.short else count))
    return tuple(mix(f"{code} {place}", clips[place * size : (place + 1) * size]) for place in places)


def _half_minute(source: Source, code: str, place: int) -> list[Clip]:
    """Return clips of `code` that last half a minute together; other ones for another `place`."""
    clips, chosen, seconds = source.clips(code), [], 0.0
    for number in range(len(clips)):
        clip = clips[(7 * place + number) % len(clips)]
        chosen.append(clip)
        seconds += len(samples_of(clip.file)) / SAMPLE_RATE
        if seconds >= 30:
            break
    return chosen


def _spoken(line: str) -> Passage:
    """Read a line of an STM file: file, channel, speaker, start, end, words."""
    _, _, _, start, end, text = line.split(maxsplit=5)
    return Passage(float(start), float(end), "en", text)


def _whole(file: Path) -> Callable[[], Waveform]:
    return lambda: samples_of(file)


def _first_minute(file: Path) -> Callable[[], Waveform]:
    return lambda: samples_of(file)[: 60 * SAMPLE_RATE]
