"""How far what was heard is from what is true: sums that can be added over recordings."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from rapidfuzz.distance import Levenshtein
from torchmetrics.functional.text import char_error_rate, chrf_score, word_error_rate

from app.audio.waveform import SAMPLE_RATE
from app.transcript import Seconds
from benchmarks.speech.recordings import Recording
from benchmarks.speech.systems import Heard, Piece

Sums = Mapping[str, float]
"""Counts or seconds, by name."""


def plain(text: str) -> str:
    """Return `text` in lower case without punctuation, accents kept."""
    letters = re.sub(r"[^\w']|_", " ", unicodedata.normalize("NFC", text))
    return " ".join(letters.replace("'", "").lower().split())


def words(recording: Recording, heard: Heard) -> Sums:
    """Return errors against the true words and characters."""
    true, said = plain(recording.text), plain(heard.text)
    return {
        "word errors": float(word_error_rate(said, true)) * len(true.split()),
        "words": len(true.split()),
        "character errors": float(char_error_rate(said, true)) * len(true),
        "characters": len(true),
    }


def english(recording: Recording, heard: Heard) -> Sums:
    """Return the likeness of a translation to the true one, weighted by its length."""
    score = float(chrf_score([heard.text], [[recording.english]], n_word_order=0))
    return {"chrF": score * len(recording.english), "characters": len(recording.english)}


def invented(_recording: Recording, heard: Heard) -> Sums:
    """Return the words written where nobody speaks, and whether a language was claimed."""
    count = len(plain(heard.text).split())
    return {"invented words": count, "phantom languages": float(bool(count) and heard.language != "en")}


def language(recording: Recording, heard: Heard) -> Sums:
    """Return whether the language is right; with it, under the name of each, where it is not."""
    (true,) = recording.languages
    wrong = {} if heard.language == true else {f"{true} as {heard.language}": 1.0}
    return {"right": float(heard.language == true), "recordings": 1.0, **wrong}


def passages(recording: Recording, heard: Heard) -> Sums:
    """Return the seconds of true speech that were written in the right language and in any."""
    right = whole = 0.0
    flips = Counter(piece.language or heard.language for piece in heard.segments)
    for piece in heard.segments:
        for passage in recording.passages:
            shared = _shared(piece, passage.start, passage.end)
            whole += shared
            right += shared * ((piece.language or heard.language) == passage.language)
    wrong = any(code not in recording.languages for code in flips)
    return {"seconds right": right, "seconds written": whole, "recordings": 1.0, "flipped": float(wrong)}


def borders(recording: Recording, heard: Heard) -> Sums:
    """Return how far the nearest word begins from where each clip begins, and ends from where it ends.

    Errors are counted in bins of 10 ms, named by their lower edge, so that they can be added and ranked.
    """
    counts: Counter[str] = Counter()
    for edge in ("start", "end"):
        times = [getattr(word, edge) for word in heard.words]
        for passage in recording.passages if times else ():
            error = min(abs(time - getattr(passage, edge)) for time in times)
            counts[f"{edge} {int(error * 100) * 10} ms"] += 1
    return dict(counts)


def confidence(recording: Recording, heard: Heard) -> Sums:
    """Return, by tenths of the score, how many words have it, how many are right, and what was promised."""
    said, true = [plain(word.text) for word in heard.words], plain(recording.text).split()
    right = {
        place
        for part in Levenshtein.opcodes(said, true)
        if part.tag == "equal"
        for place in range(part.src_start, part.src_end)
    }
    counts: Counter[str] = Counter()
    for place, word in enumerate(heard.words):
        if word.score is not None:
            tenth = min(9, int(10 * word.score))
            counts[f"scored {tenth}"] += 1
            counts[f"scored right {tenth}"] += place in right
            counts[f"promised {tenth}"] += word.score
    return dict(counts)


def missed(recording: Recording, speech: Sequence[tuple[Seconds, Seconds]], length: Seconds) -> Sums:
    """Return the seconds of true speech outside `speech`, and of other sound inside it."""
    true = joined([(passage.start, passage.end) for passage in recording.passages])
    found = joined(speech)
    both = sum(max(0.0, min(b, d) - max(a, c)) for a, b in true for c, d in found)
    spoken, called = _seconds(true), _seconds(found)
    return {
        "speech missed": spoken - both,
        "speech": spoken,
        "other called speech": called - both,
        "other": length - spoken,
    }


MEASURES: Mapping[str, Callable[[Recording, Heard], Sums]] = MappingProxyType(
    {
        "words": words,
        "english": english,
        "invented": invented,
        "language": language,
        "passages": passages,
        "borders": borders,
        "confidence": confidence,
    }
)


def joined(spans: Sequence[tuple[Seconds, Seconds]]) -> list[tuple[Seconds, Seconds]]:
    """Return `spans` without overlaps, in order of time."""
    merged: list[tuple[Seconds, Seconds]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], end)
        else:
            merged.append((start, end))
    return merged


def length_of(samples: Sequence[object]) -> Seconds:
    return len(samples) / SAMPLE_RATE


def _seconds(spans: Sequence[tuple[Seconds, Seconds]]) -> Seconds:
    return sum(end - start for start, end in spans)


def _shared(piece: Piece, start: Seconds, end: Seconds) -> Seconds:
    return max(0.0, min(piece.end, end) - max(piece.start, start))
