"""The guard over what was written: what is tried again, what is kept, what is left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from app.engines.whisper.guard import TEMPERATURES, Guard, goes_round
from app.engines.whisper.rows import Decoded, Encoded, Features, Reading, Row, Search, Window
from app.engines.whisper.vocabulary import compression_ratio
from app.transcript import Decoding, Token
from tests.engines.conftest import nothing

WORDS = tuple(range(40, 100))


@dataclass
class Scripted:
    """A decoder that writes what it is told for each temperature: loops cannot be had at will."""

    script: Callable[[int, float], Decoded]
    """Given the number of the chunk and the temperature."""
    share: float = 0.9
    asked: list[tuple[float, list[int]]] = field(default_factory=list)

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        raise AssertionError("nothing is encoded twice")

    def languages(self, windows: Sequence[Window]) -> list[Mapping[str, float]]:
        return [{"en": self.share} for _ in windows]

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        numbers = [row.sound.place for row in rows]
        self.asked.append((rows[0].search.temperature, numbers))
        return [self.script(row.sound.place, row.search.temperature) for row in rows]

    def read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        raise AssertionError("nobody asked for it")


def described(decoded: Decoded, temperature: float) -> Decoding:
    tokens = tuple(Token(number, chr(number).encode()) for number in decoded.tokens)
    ratio = compression_ratio(b"".join(token.text for token in tokens))
    return Decoding(tokens, temperature, decoded.no_speech_prob, ratio)


def texts_of(decoder: Scripted, count: int, temperature: float = 0.0) -> list[tuple[str, float] | None]:
    """Return what is kept of each chunk of ten seconds, and at which temperature; None for what is not."""
    guard = Guard(decoder, described, multilingual=True, checkpoint=nothing)
    rows = [Row(Encoded(None, place, 10.0), (1,), Search(temperature)) for place in range(count)]
    return [
        ("".join(map(chr, each.decoded.tokens)), each.decoding.temperature) if each.is_worth_keeping else None
        for each in guard.decode(rows)
    ]


def good(tokens: Sequence[int] = WORDS) -> Decoded:
    return Decoded(tuple(tokens), -0.3, 0.1)


LOOP = Decoded((80, 81, 82) * 40, -0.1, 0.1)


def test_good_texts_are_decoded_once() -> None:
    decoder = Scripted(lambda _place, _temperature: good())
    assert texts_of(decoder, 3) == [("".join(map(chr, WORDS)), 0.0)] * 3
    assert decoder.asked == [(0.0, [0, 1, 2])]


def test_the_bad_texts_of_a_batch_are_decoded_again_together_until_they_are_good() -> None:
    better_at = {1: 0.2, 3: 0.6}
    decoder = Scripted(lambda place, heat: LOOP if heat < better_at.get(place, 0.0) else good())
    kept = texts_of(decoder, 4)
    assert [each and each[1] for each in kept] == [0.0, 0.2, 0.0, 0.6]
    assert decoder.asked == [(0.0, [0, 1, 2, 3]), (0.2, [1, 3]), (0.6, [3])]


def test_what_goes_in_circles_at_every_temperature_is_left_out() -> None:
    decoder = Scripted(lambda place, _: LOOP if place else good())
    first, second = texts_of(decoder, 2)
    assert first is not None
    assert second is None
    assert [heat for heat, _ in decoder.asked] == [0.0, *TEMPERATURES]


def test_an_improbable_text_of_real_speech_keeps_the_likeliest_try() -> None:
    likelihoods = {0.0: -1.2, 0.2: -1.05, 0.6: -1.5, 1.0: -2.0}
    decoder = Scripted(lambda _, heat: Decoded(WORDS, likelihoods[heat], 0.2))
    assert texts_of(decoder, 1) == [("".join(map(chr, WORDS)), 0.2)]


@pytest.mark.parametrize(
    ("decoded", "share"),
    [
        (Decoded((72, 73), -1.2, 0.1), 0.9),
        (Decoded(WORDS, -1.2, 0.8), 0.9),
        (Decoded(WORDS, -1.2, 0.1), 0.3),
        (Decoded((72, 73), -0.8, 0.8), 0.9),
        (Decoded((46, 46, 46, 32, 46), -0.4, 0.1), 0.9),
    ],
    ids=["sparse", "no speech", "no language", "sparse and no speech", "no letters"],
)
def test_what_stands_where_nobody_speaks_is_left_out_without_another_try(
    decoded: Decoded, share: float
) -> None:
    decoder = Scripted(lambda _place, _temperature: decoded, share)
    assert texts_of(decoder, 1) == [None]
    assert len(decoder.asked) == 1


def test_few_words_that_are_sure_are_kept() -> None:
    decoder = Scripted(lambda _place, _temperature: Decoded((72, 105), -0.5, 0.9), share=0.3)
    assert texts_of(decoder, 1) == [("Hi", 0.0)]


def test_a_temperature_that_the_client_chose_is_the_only_one() -> None:
    decoder = Scripted(lambda _place, _temperature: LOOP)
    texts_of(decoder, 2, temperature=0.5)
    assert decoder.asked == [(0.5, [0, 1])]


@pytest.mark.parametrize(
    ("tokens", "round_and_round"),
    [
        ((), False),
        ((5,) * 4, False),
        ((5,) * 5, True),
        ((1, 2, 3) * 5 + (9,) * 4, True),
        ((*range(100), 5, 5, 5, 5, 5, 5), False),
        (tuple(range(8)) * 5, True),
        (tuple(range(9)) * 5, False),
    ],
)
def test_circles_are_the_same_few_tokens_five_times_in_half_of_the_text(
    tokens: tuple[int, ...], round_and_round: bool
) -> None:
    assert goes_round(tokens) == round_and_round
