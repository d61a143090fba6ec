"""A guard on every row: what repeats itself or is improbable is decoded again, or else left out.

Whisper writes something for every sound. What it makes up for music, noise and silence shows in its own
numbers: how probable its words are, how probable it is that nobody speaks, and loops.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from app.checkpoint import Checkpoint
from app.engines.whisper.rows import Decoded, Row, RowDecoder, Window
from app.transcript import Decoding, Seconds

TEMPERATURES = (0.2, 0.6, 1.0)
"""At which bad rows are decoded again, the bad ones of a batch together, one temperature after the other."""
MOST_COMPRESSION = 2.4
"""Text that zlib makes so many times smaller goes in circles."""
LEAST_LOGPROB = -1.0
"""Mean log probability below which a text is improbable."""
DOUBTFUL_LOGPROB = -0.7
"""The same, below which other evidence is looked at."""
NO_SPEECH = 0.6
"""Probability of nobody speaking from which on it counts."""
SPARSE = 1.0
"""Tokens a second; people who speak need two or more."""
CERTAIN_LANGUAGE = 0.5
"""Probability that the likeliest language of speech has."""
MADE_UP = 3
"""Points of evidence, see `Written.evidence`, that a text was made up where nobody speaks."""
_LONGEST_PART = 8
"""Tokens of what is said over and over, at most."""
_LEAST_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a row, and how."""

    decoded: Decoded
    decoding: Decoding
    seconds: Seconds
    """Length of the chunk."""
    language_share: float = 1.0
    """Probability of the likeliest language; 1 where nobody asked."""

    @property
    def in_circles(self) -> bool:
        """Whether the text repeats itself over and over."""
        return self.decoding.compression_ratio > MOST_COMPRESSION or goes_round(self.decoded.tokens)

    @property
    def improbable(self) -> bool:
        """Whether the decoder itself hardly believes it."""
        return self.decoded.avg_logprob < LEAST_LOGPROB

    @property
    def evidence(self) -> int:
        """Points that say that nobody speaks: no one of them tells music or noise from quiet speech alone."""
        return (
            (self.decoded.avg_logprob < DOUBTFUL_LOGPROB)
            + self.improbable
            + (self.decoded.no_speech_prob > NO_SPEECH)
            + (len(self.decoded.tokens) < SPARSE * self.seconds)
            + (self.language_share < CERTAIN_LANGUAGE)
        )

    @property
    def made_up(self) -> bool:
        """Whether it stands where nobody speaks: no temperature would make it better."""
        doubtful = self.decoded.avg_logprob < DOUBTFUL_LOGPROB
        return (doubtful and self.evidence >= MADE_UP) or not _is_text(self.decoding)

    @property
    def is_good(self) -> bool:
        """Whether there is nothing against it."""
        return not self.in_circles and not self.improbable

    @property
    def is_worth_keeping(self) -> bool:
        """Whether it is better than nothing."""
        return not self.in_circles and not self.made_up

    @property
    def worth(self) -> tuple[bool, bool, float]:
        """What says which of two texts for the same row is better."""
        return self.is_worth_keeping, self.is_good, self.decoded.avg_logprob


@dataclass(frozen=True, slots=True)
class Guard:
    """Decodes the rows of one request and keeps the best of several tries."""

    decoder: RowDecoder
    describe: Callable[[Decoded, float], Decoding]
    """Given what was written, and at which temperature."""
    multilingual: bool
    checkpoint: Checkpoint

    def decode(self, rows: Sequence[Row]) -> list[Written]:
        """Return what is written for each of `rows`, which all ask for the same temperature.

        A temperature above 0 is the client's own choice: it gets the first that comes.
        """
        written = self.decode_once(rows)
        if rows[0].search.temperature > 0:
            return written
        for temperature in TEMPERATURES:
            bad = [place for place, each in enumerate(written) if not each.is_good and not each.made_up]
            if not bad:
                break
            self.checkpoint()
            again = [
                replace(rows[place], search=replace(rows[place].search, temperature=temperature))
                for place in bad
            ]
            for place, other in zip(bad, self.decode_once(again), strict=True):
                written[place] = max(written[place], other, key=lambda each: each.worth)
        return written

    def decode_once(self, rows: Sequence[Row]) -> list[Written]:
        """Return what is written for each of `rows` at the first try."""
        return [
            Written(
                decoded,
                self.describe(decoded, row.search.temperature),
                row.sound.seconds,
                self._language_share(row, decoded),
            )
            for row, decoded in zip(rows, self.decoder.decode(rows), strict=True)
        ]

    def _language_share(self, row: Row, decoded: Decoded) -> float:
        """Return the probability of the likeliest language, where there is doubt."""
        if not self.multilingual or decoded.avg_logprob >= DOUBTFUL_LOGPROB:
            return 1.0
        (shares,) = self.decoder.languages([Window(row.sound, 0.0, row.sound.seconds)])
        return max(shares.values())


def _is_text(decoding: Decoding) -> bool:
    """Return whether there is a letter or a digit in it."""
    text = b"".join(token.text for token in decoding.tokens).decode("utf-8", "replace")
    return not text.strip() or any(character.isalnum() for character in text)


def goes_round(tokens: Sequence[int]) -> bool:
    """Return whether at least half of `tokens` are the same one to eight, five times or more in a row.

    >>> goes_round((7, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2)), goes_round((1, 2, 3, 1, 2, 3))
    (True, False)
    """
    runs = (_longest_run(tokens, size) for size in range(1, _LONGEST_PART + 1))
    return any(run and 2 * run >= len(tokens) for run in runs)


def _longest_run(tokens: Sequence[int], size: int) -> int:
    """Return how many tokens the longest repetition of `size` of them has; 0 for fewer rounds than count."""
    longest = run = 0
    for place in range(size, len(tokens)):
        run = run + 1 if tokens[place] == tokens[place - size] else 0
        longest = max(longest, run)
    return longest + size if longest + size >= _LEAST_ROUNDS * size else 0
