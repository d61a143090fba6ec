"""One person per channel: every channel is heard on its own, and what was heard is put in one order of time.

The recording is decoded once more for each channel, so that only one of them is in memory at a time.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from app.audio.channel_contents import hold_different_people, hold_the_same
from app.audio.channels import (
    LEVEL_SAMPLES,
    LevelMeter,
    Levels,
    Meter,
    Metered,
    Mixer,
    Mixing,
    OneChannel,
    downmixed,
)
from app.audio.cross_talk import leaks_into, noise_floors, own_sound, quieten
from app.audio.cross_talk_filter import LoudPieces, WithoutCrossTalk, leak_filters
from app.audio.wave_header import ChannelLayout
from app.audio.waveform import SAMPLE_RATE, Waveform
from app.options.asr_options import AsrOptions
from app.transcript import Segment, TextFit

MOST_CHANNELS = 16
Decode: TypeAlias = Callable[[Mixing], Waveform]
"""Decodes the recording, with its channels mixed as told."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What the stages work on: all channels in one, or one of them."""

    samples: Waveform
    channel: str | None = None
    """Name of the channel, where it is one of several."""
    number: int = 0
    """From 0 on, of how many."""
    of: int = 1


@dataclass(frozen=True, slots=True)
class Heard:
    """What the stages found in one sound."""

    segments: tuple[Segment, ...]
    language: str
    embeddings: Mapping[str, tuple[float, ...]] | None = None
    """One vector per label; None: nobody looked for speakers."""
    speakers: frozenset[str] = frozenset()
    """Labels of those whom the diarizer found."""
    fit: TextFit | None = None
    """How well the text fits, where the caller gave it."""


@dataclass(frozen=True, slots=True)
class CrossTalk:
    """What tells how the channels hear each other."""

    levels: Levels
    pieces: LoudPieces


def hear_channels(
    decode: Decode,
    release: Callable[[], None],
    hear: Callable[[Sound], Heard],
    options: AsrOptions,
    warn: Callable[[str], None],
) -> list[Heard]:
    """Return what `hear` makes of each channel, or of all in one where they are not to be taken apart.

    `release` is called when nothing is to be decoded any more.
    """
    if options.channels == "mix":
        whole = decode(downmixed)
        release()
        return [hear(Sound(whole))]
    meter, pieces = LevelMeter(), LoudPieces()
    mix = [decode(partial(_metered_mix, (meter, pieces)))]
    levels = meter.levels()[round((options.start or 0.0) * SAMPLE_RATE / LEVEL_SAMPLES) :]
    remark = _why_not(levels, meter.channels, options.channels)
    if remark is not None:
        if options.channels == "split":
            warn(remark)
        release()
        return [hear(Sound(mix.pop()))]
    mix.clear()
    names = _names(options, meter.channels)
    if options.channels == "auto":
        warn(f"the channels hold different people and were heard one by one: {', '.join(names)}")
    if len(options.names_of_channels) > len(names):
        warn(f"channel_names: the recording has {len(names)} channels; further names were ignored")
    return list(_one_by_one(decode, release, hear, CrossTalk(levels, pieces), names))


def _one_by_one(
    decode: Decode,
    release: Callable[[], None],
    hear: Callable[[Sound], Heard],
    cross_talk: CrossTalk,
    names: Sequence[str],
) -> Iterator[Heard]:
    """Yield what is heard on each channel; its samples are gone before the next one is decoded."""
    for number, name in enumerate(names):
        samples = [_channel(decode, cross_talk, number)]
        if number == len(names) - 1:
            release()
        yield _named(hear(Sound(samples.pop(), name, number, len(names))), name)


def joined(parts: Sequence[Heard]) -> Heard:
    """Return all parts as one: the segments in order of time, the language that is spoken longest."""
    if len(parts) == 1:
        return parts[0]
    segments = sorted((segment for part in parts for segment in part.segments), key=lambda each: each.start)
    known = [part.embeddings for part in parts if part.embeddings is not None]
    return Heard(
        tuple(segments),
        max(parts, key=_spoken_seconds).language,
        {label: voice for voices in known for label, voice in voices.items()} if known else None,
        frozenset(label for part in parts for label in part.speakers),
    )


def _spoken_seconds(part: Heard) -> float:
    return sum(segment.end - segment.start for segment in part.segments)


def _why_not(levels: Levels, channels: int, asked: str) -> str | None:
    """Return why the channels are mixed; None: they are taken apart."""
    if channels < 2:
        return "channels=split: the recording has one channel"
    if channels > MOST_CHANNELS:
        return f"channels=split: {channels} channels are more than {MOST_CHANNELS}; they were mixed"
    if hold_the_same(levels):
        return "channels=split: all channels hold the same sound; they were mixed"
    return None if asked == "split" or hold_different_people(levels) else "channels=auto: mixed"


def _names(options: AsrOptions, channels: int) -> list[str]:
    given = options.names_of_channels
    return [given[number] if number < len(given) else f"CHANNEL_{number}" for number in range(channels)]


def _metered_mix(meters: Sequence[Meter], layout: ChannelLayout, position: int) -> Mixer:
    mixer = downmixed(layout, position) or OneChannel(1, 0)
    return Metered(mixer, meters, layout.channels, position)


def _channel(decode: Decode, cross_talk: CrossTalk, number: int) -> Waveform:
    """Return one channel without what it hears of the others."""
    leaks = leaks_into(cross_talk.levels, number)
    filters = leak_filters(cross_talk.pieces, number, leaks)
    samples = decode(lambda layout, _: WithoutCrossTalk(layout.channels, number, filters))
    floor = float(noise_floors(cross_talk.levels)[number])
    quieten(samples, own_sound(cross_talk.levels, number, leaks), floor)
    return samples


def _named(heard: Heard, channel: str) -> Heard:
    """Return `heard` with the channel's name as the speaker, or before the labels of several speakers."""
    several = len(heard.speakers) > 1
    names = {label: f"{channel}_{label}" if several else channel for label in heard.speakers}
    return Heard(
        tuple(_spoken_by(segment, names, channel) for segment in heard.segments),
        heard.language,
        None
        if heard.embeddings is None
        else {names.get(label, label): voice for label, voice in heard.embeddings.items()},
        frozenset(names.values()),
    )


def _spoken_by(segment: Segment, names: Mapping[str, str], channel: str) -> Segment:
    def name(label: str | None) -> str | None:
        return names.get(label, label) if label is not None else None if len(names) > 1 else channel

    words = segment.words
    if words is not None:
        words = tuple(replace(word, speaker=name(word.speaker)) for word in words)
    return replace(segment, words=words, speaker=name(segment.speaker))
