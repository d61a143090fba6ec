"""A text that is known already: the time it takes against alignment alone, and what of it comes out right."""

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.engines.interfaces import PlacedText, TranscriptionRequest
from app.engines.whisper.transcriber import WhisperTranscriber
from app.options.given_text import GivenText
from app.transcript import Segment, Word
from benchmarks.pairs import Comparison, Figure, compare
from benchmarks.scale import Scale
from tests.engines.conftest import DEMO, samples_of

MEETING = DEMO / "meeting.flac"
FOREIGN_SHARE = 0.1
SUBJECTS = ("The gardener", "A violinist", "Nobody here", "My neighbour", "The captain", "Our grandmother")
ACTIONS = ("quickly painted", "never understood", "secretly admired", "carefully measured", "gladly sold")
OBJECTS = (
    "seven purple bicycles.",
    "the frozen lighthouse.",
    "a jar of fireflies.",
    "the museum's oldest clock.",
)


def run(scale: Scale) -> Sequence[Comparison | Figure]:
    """Return time and truth for a recording of an hour, whose text has sentences that nobody says."""
    rounds = 2 if scale.quick else 56
    meeting = samples_of(MEETING)
    sound: Waveform = np.tile(meeting, rounds)
    aligner = Wav2Vec2Aligner.load(
        DEMO / "aligner", language="en", device=scale.device, batch_size=8, precision="float32"
    )
    heard = _recognised(meeting, rounds, scale.device)
    aligned = aligner.align(sound, heard, _nothing)
    speech = tuple(replace(segment, text="") for segment in heard)
    text, foreign = _with_foreign([segment.text for segment in aligned])
    seconds = len(sound) / SAMPLE_RATE
    return [
        compare(
            f"a known text, {seconds:.0f} s, against alignment alone",
            lambda: aligner.align(sound, heard, _nothing),
            lambda: aligner.place(sound, speech, GivenText(tuple(text), True), _nothing),
            lambda ours, placed: _told(ours, placed, foreign),
            pairs=1 if scale.quick else 5,
            goal=0.83,
        )
    ]


def _recognised(meeting: Waveform, rounds: int, device: str) -> tuple[Segment, ...]:
    """Return the chunks of speech of `rounds` meetings in a row with their texts."""
    transcriber = WhisperTranscriber.load(
        DEMO / "whisper", device=device, compute_type="int8", batch_size=8, cpu_threads=0, chunk_seconds=30
    )
    once = transcriber.transcribe(meeting, TranscriptionRequest(language="en"), _nothing).segments
    length = len(meeting) / SAMPLE_RATE
    return tuple(
        replace(segment, start=segment.start + number * length, end=segment.end + number * length)
        for number in range(rounds)
        for segment in once
    )


def _with_foreign(lines: Sequence[str]) -> tuple[list[str], list[bool]]:
    """Return `lines` with a share of sentences between them that nobody says, and which those are."""
    chance = random.Random(7)
    text, foreign = [], []
    for line in lines:
        text.append(line)
        foreign.append(False)
        if chance.random() < FOREIGN_SHARE:
            text.append(" ".join(map(chance.choice, (SUBJECTS, ACTIONS, OBJECTS))))
            foreign.append(True)
    return text, foreign


def _told(aligned: Sequence[Segment], placed: PlacedText, foreign: Sequence[bool]) -> str:
    marked = [not segment.occurs for segment in placed.segments]
    right = sum(mark for mark, is_foreign in zip(marked, foreign, strict=True) if is_foreign)
    wrong = sum(mark for mark, is_foreign in zip(marked, foreign, strict=True) if not is_foreign)
    own = [segment for segment, is_foreign in zip(placed.segments, foreign, strict=True) if not is_foreign]
    apart = [
        abs(ours.start - theirs.start)
        for ours, theirs in zip(_words(own), _words(aligned), strict=True)
        if ours.start is not None and theirs.start is not None
    ]
    return (
        f"{right} of {sum(foreign)} foreign sentences marked, {wrong} of {len(own)} others; "
        f"the words of the others are {1000 * float(np.mean(apart)):.1f} ms apart on average"
    )


def _words(segments: Sequence[Segment]) -> list[Word]:
    return [word for segment in segments for word in segment.words or ()]


def _nothing() -> None:
    """Nobody leaves."""
