"""Language identification with Whisper, on speech from all over the recording, not from its start alone."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.whisper.features import features_of
from app.engines.whisper.rows import RowDecoder
from app.engines.whisper.speech_chunks import Chunk
from app.options.languages import LANGUAGES, UNDETERMINED
from app.transcript import LanguageGuess

MAX_PROBES = 5
"""Chunks of a recording that are tried at most; three that agree decide."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A chunk whose language stands for that of the speech around it."""

    chunk: Chunk
    weight: float
    """Seconds of speech it stands for."""


def guess_language(
    decoder: RowDecoder,
    mels: int,
    waveform: Waveform,
    chunks: Sequence[Chunk],
    checkpoint: Checkpoint,
    allowed: Collection[str] = LANGUAGES,
) -> LanguageGuess:
    """Return which of the `allowed` languages most of the speech in `chunks` is in.

    Probes from all over the recording are tried, each weighing as much as the speech it stands for, until no
    further one can overturn the result. The probability is their weighted mean. UNDETERMINED without speech.
    """
    if not chunks:
        return LanguageGuess(UNDETERMINED, 0.0)
    probes = choose_probes(chunks)
    whole = sum(probe.weight for probe in probes)
    totals: defaultdict[str, float] = defaultdict(float)
    tried = 0.0
    for probe in probes:
        checkpoint()
        tried += probe.weight
        sounds = decoder.encode([features_of(waveform, probe.chunk, mels)])
        for code, probability in decoder.languages(sounds)[0].items():
            totals[code] += probe.weight * probability
        if max(totals.values()) > whole / 2:
            break
    likeliest = max(totals, key=lambda known: totals[known])
    code = max(allowed, key=lambda known: totals.get(known, 0.0))
    passed_over = None if likeliest in allowed else likeliest
    return LanguageGuess(code, min(1.0, totals.get(code, 0.0) / tried), passed_over)


def choose_probes(chunks: Sequence[Chunk]) -> list[Probe]:
    """Return the longest chunk of each of at most MAX_PROBES parts of `chunks`, the weightiest first.

    The parts follow each other in time and hold about equally much speech.
    """
    whole = sum(map(_seconds, chunks)) or 1.0
    parts: defaultdict[int, list[Chunk]] = defaultdict(list)
    before = 0.0
    for chunk in chunks:
        middle = before + _seconds(chunk) / 2
        parts[min(int(MAX_PROBES * middle / whole), MAX_PROBES - 1)].append(chunk)
        before += _seconds(chunk)
    probes = [Probe(max(part, key=_seconds), sum(map(_seconds, part))) for part in parts.values()]
    return sorted(probes, key=lambda probe: -probe.weight)


def _seconds(chunk: Chunk) -> float:
    return chunk["end"] - chunk["start"]
