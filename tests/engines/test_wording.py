"""Text to characters and back to words and sentences."""

import math

import numpy as np

from app.engines.ctc import WILDCARD
from app.engines.sentences import SentenceSplitter
from app.engines.wording import PlacedText, sentences_of, unplaced_words, wording_of
from app.transcript import Segment, Word

VOCABULARY = {"<pad>": 0, "|": 1, "a": 2, "b": 3, "c": 4, ".": 5, "ä": 6}


def placed(text: str, untimed: str = "") -> PlacedText:
    """`text` with one second per character; characters in `untimed` have no time."""
    known = np.array([character not in untimed for character in text])
    seconds = np.arange(len(text), dtype=float)
    return PlacedText(
        text,
        starts=np.where(known, seconds, math.nan),
        ends=np.where(known, seconds + 1, math.nan),
        scores=np.where(known, 0.5, math.nan),
    )


def sentences(text: str, untimed: str = "", language: str = "en") -> tuple[Segment, ...]:
    spans = SentenceSplitter(language).spans(text)
    spaced = language not in ("ja", "zh")
    return sentences_of(placed(text, untimed), spans, spaced=spaced, avg_logprob=-0.1)


def test_letters_are_looked_up_in_lower_case_and_blanks_as_bars() -> None:
    wording = wording_of("A bä", VOCABULARY, spaced=True)
    assert wording.tokens.tolist() == [2, 1, 3, 6]
    assert wording.places.tolist() == [0, 1, 2, 3]


def test_characters_outside_the_vocabulary_are_wildcards() -> None:
    assert wording_of("a 9!", VOCABULARY, spaced=True).tokens.tolist() == [2, 1, WILDCARD, WILDCARD]


def test_blanks_are_left_out_where_the_language_has_none() -> None:
    assert wording_of("a b", VOCABULARY, spaced=False).places.tolist() == [0, 2]


def test_a_letter_whose_lower_case_is_longer_keeps_its_place() -> None:
    wording = wording_of("İb", VOCABULARY, spaced=True)
    assert wording.tokens.tolist() == [WILDCARD, 3]


def test_sentences_hold_their_own_words_with_first_and_last_times() -> None:
    first, second = sentences("aa bb. cc aa.")
    assert (first.text, first.start, first.end) == ("aa bb.", 0.0, 6.0)
    assert first.words == (Word("aa", 0.0, 2.0, 0.5), Word("bb.", 3.0, 6.0, 0.5))
    assert (second.text, second.start, second.end) == ("cc aa.", 7.0, 13.0)
    assert second.avg_logprob == -0.1


def test_a_word_without_times_takes_those_of_the_nearest_word_the_earlier_of_two() -> None:
    (sentence,) = sentences("aa xx bb", untimed="x ")
    assert sentence.words is not None
    assert sentence.words[1] == Word("xx", 0.0, 2.0, None)


def test_a_sentence_without_times_joins_the_nearest() -> None:
    (sentence,) = sentences("aa. xx!", untimed="x! ")
    assert sentence.text == "aa. xx!"
    assert [word.text for word in sentence.words or ()] == ["aa.", "xx!"]


def test_every_character_is_a_word_where_words_are_not_separated() -> None:
    (sentence,) = sentences("ab c", language="ja")
    assert [word.text for word in sentence.words or ()] == ["a", "b", "c"]


def test_a_text_without_any_time_has_no_sentences() -> None:
    assert sentences("aa", untimed="a") == ()


def test_words_that_were_never_placed_have_no_times() -> None:
    assert unplaced_words(" aa  b ", spaced=True) == (Word("aa"), Word("b"))


def test_abbreviations_end_no_sentence() -> None:
    text = "Ask Dr. Miller. He knows, e.g. today."
    cut = [text[first:beyond] for first, beyond in SentenceSplitter("en").spans(text)]
    assert cut == ["Ask Dr. Miller.", "He knows, e.g. today."]


def test_german_has_its_own_abbreviations() -> None:
    text = "Wir brauchen z.B. den Bericht. Danke."
    cut = [text[first:beyond] for first, beyond in SentenceSplitter("de").spans(text)]
    assert cut == ["Wir brauchen z.B. den Bericht.", "Danke."]
