"""Language identification with Whisper, on speech from all over the recording, not from its start alone."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from app.audio.waveform import Waveform
from app.checkpoint import Checkpoint
from app.engines.whisper.features import features_of
from app.engines.whisper.passages import Heard, divided, smoothed, windows_of
from app.engines.whisper.rows import Encoded, RowDecoder, Window
from app.engines.whisper.speech_chunks import Chunk
from app.options.languages import LANGUAGES, UNDETERMINED
from app.transcript import LanguageGuess

LONGEST = 30.0
"""Seconds that the encoder takes."""
MAX_PROBES = 5
"""Chunks of a recording that are tried at most; three that agree decide."""


@dataclass(frozen=True, slots=True)
class Probe:
    """A chunk whose language stands for that of the speech around it."""

    chunk: Chunk
    weight: float
    """Seconds of speech it stands for."""


@dataclass(slots=True)
class LanguageDetection:
    """Hears the languages of one recording; what it had encoded for that need not be encoded again."""

    decoder: RowDecoder
    mels: int
    waveform: Waveform
    """(samples,)"""
    checkpoint: Checkpoint
    encoded: dict[float, Encoded] = field(default_factory=dict)
    """The probes, by the start of their chunks."""

    def guess(self, chunks: Sequence[Chunk], allowed: Collection[str] = LANGUAGES) -> LanguageGuess:
        """Return which of the `allowed` languages most of the speech in `chunks` is in.

        Probes from all over the recording are tried, each weighing as much as the speech it stands for, until
        no further one can overturn the result. The probability is their weighted mean. UNDETERMINED without
        speech.
        """
        if not chunks:
            return LanguageGuess(UNDETERMINED, 0.0)
        probes = choose_probes(chunks)
        whole = sum(probe.weight for probe in probes)
        totals: defaultdict[str, float] = defaultdict(float)
        tried = 0.0
        for probe in probes:
            tried += probe.weight
            for code, probability in self._shares(probe.chunk).items():
                totals[code] += probe.weight * probability
            if max(totals.values()) > whole / 2:
                break
        likeliest = max(totals, key=lambda known: totals[known])
        code = max(allowed, key=lambda known: totals.get(known, 0.0))
        passed_over = None if likeliest in allowed else likeliest
        return LanguageGuess(code, min(1.0, totals.get(code, 0.0) / tried), passed_over)

    def _shares(self, chunk: Chunk) -> Mapping[str, float]:
        """Return how probable each language is in `chunk`, the mean over its windows."""
        self.checkpoint()
        (sound,) = self.decoder.encode([features_of(self.waveform, chunk, self.mels)])
        self.encoded[chunk["start"]] = sound
        totals: defaultdict[str, float] = defaultdict(float)
        heard = hear(self.decoder, chunk, sound)
        whole = sum(each.end - each.start for each in heard)
        for each in heard:
            for code, share in each.shares.items():
                totals[code] += share * (each.end - each.start) / whole
        return totals


@dataclass(slots=True)
class Passages:
    """The languages of the chunks of a recording, one batch after the other."""

    decoder: RowDecoder
    main: str
    allowed: Collection[str]
    before: str | None = None
    """The language in which the batch before ended."""

    def of(self, chunks: Sequence[Chunk], sounds: Sequence[Encoded]) -> list[tuple[Chunk, str]]:
        """Return `chunks`, which were encoded as `sounds`, with their languages; cut where these change."""
        heard = [hear(self.decoder, chunk, sound) for chunk, sound in zip(chunks, sounds, strict=True)]
        among = [[_among(self.allowed, each) for each in windows] for windows in heard]
        codes = iter(smoothed([each for windows in among for each in windows], self.main, self.before))
        passages: list[tuple[Chunk, str]] = []
        for chunk, windows in zip(chunks, among, strict=True):
            passages += divided(chunk, [((each.start, each.end), next(codes)) for each in windows])
        self.before = passages[-1][1]
        return passages


def hear(decoder: RowDecoder, chunk: Chunk, sound: Encoded) -> list[Heard]:
    """Return how probable each language is in each window of `chunk`.

    Where it is one window, the decoder sees all of it with the silence behind, as it was trained to.
    """
    spans = windows_of(chunk)
    start = chunk["start"]
    windows = [Window(sound, max(0.0, first - start), last - start) for first, last in spans]
    if len(windows) == 1:
        windows = [Window(sound, 0.0, LONGEST)]
    shares = decoder.languages(windows)
    return [Heard(*span, each) for span, each in zip(spans, shares, strict=True)]


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


def _among(allowed: Collection[str], heard: Heard) -> Heard:
    """Return the evidence of one window for the `allowed` languages alone."""
    return Heard(heard.start, heard.end, {code: heard.shares.get(code, 0.0) for code in allowed})


def _seconds(chunk: Chunk) -> float:
    return chunk["end"] - chunk["start"]
