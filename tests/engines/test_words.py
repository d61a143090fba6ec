"""Text to characters and back to words and sentences."""

import math

import numpy as np
import pytest

from app.engines.alignment.forced_alignment import WILDCARD
from app.engines.alignment.sentences import SentenceSplitter
from app.engines.alignment.words import (
    AlignedText,
    to_sentences,
    to_tokens,
    words_without_times,
)
from app.options.languages import LANGUAGES_WITHOUT_SPACES
from app.transcript import Segment, Word

VOCABULARY = {"<pad>": 0, "|": 1, "a": 2, "b": 3, "c": 4, ".": 5, "ä": 6}


def aligned(text: str, untimed: str = "") -> AlignedText:
    """`text` with one second per character; characters in `untimed` have no time."""
    known = np.array([character not in untimed for character in text])
    seconds = np.arange(len(text), dtype=float)
    return AlignedText(
        text,
        starts=np.where(known, seconds, math.nan),
        ends=np.where(known, seconds + 1, math.nan),
        scores=np.where(known, 0.5, math.nan),
    )


def sentences(text: str, untimed: str = "", language: str = "en") -> tuple[Segment, ...]:
    spans = SentenceSplitter(language).spans(text)
    spaced = language not in LANGUAGES_WITHOUT_SPACES
    return to_sentences(aligned(text, untimed), spans, spaced=spaced, avg_logprob=-0.1)


def test_letters_are_looked_up_in_lower_case_and_blanks_as_bars() -> None:
    alignable = to_tokens("A bä", VOCABULARY, spaced=True)
    assert alignable.tokens.tolist() == [2, 1, 3, 6]
    assert alignable.positions.tolist() == [0, 1, 2, 3]


def test_characters_outside_the_vocabulary_are_wildcards() -> None:
    assert to_tokens("a 9!", VOCABULARY, spaced=True).tokens.tolist() == [2, 1, WILDCARD, WILDCARD]


def test_blanks_are_left_out_where_the_language_has_none() -> None:
    assert to_tokens("a b", VOCABULARY, spaced=False).positions.tolist() == [0, 2]


def test_a_letter_whose_lower_case_is_longer_keeps_its_place() -> None:
    alignable = to_tokens("İb", VOCABULARY, spaced=True)
    assert alignable.tokens.tolist() == [WILDCARD, 3]


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
    (sentence,) = sentences("元気 で", language="ja")
    assert [word.text for word in sentence.words or ()] == ["元", "気", "で"]


@pytest.mark.parametrize("language", ["ja", "zh", "yue"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("我用OpenAI。", ["我", "用", "OpenAI", "。"]),
        ("GPT-4oは99.5%", ["GPT-4o", "は", "99.5%"]),
        ("AT&Tと10:30に café", ["AT&T", "と", "10:30", "に", "café"]),
        ("ＯｐｅｎＡＩの2019年", ["ＯｐｅｎＡＩ", "の", "2019", "年"]),
        ("「Hello World」", ["「", "Hello", "World", "」"]),
        ("말 привет。", ["말", "привет", "。"]),
    ],
)
def test_words_of_other_scripts_and_numbers_stay_whole_among_characters(
    language: str, text: str, words: list[str]
) -> None:
    found = [word for each in sentences(text, language=language) for word in each.words or ()]
    assert [word.text for word in found] == words
    assert [word.text for word in words_without_times(text, spaced=False)] == words
    latin = next(word for word in found if len(word.text) > 1)
    assert latin.end is not None
    assert latin.start is not None
    assert latin.end - latin.start == len(latin.text)


def with_pause(text: str, before: int, seconds: float) -> AlignedText:
    """`text` with one second per character, and a pause before the character at `before`."""
    known = aligned(text)
    later = np.where(np.arange(len(text)) >= before, seconds, 0.0)
    return AlignedText(text, known.starts + later, known.ends + later, known.scores)


def test_a_mark_heard_in_the_pause_behind_a_word_does_not_lengthen_it() -> None:
    (sentence,) = to_sentences(with_pause("aa bb.", 5, 3.0), [(0, 6)], spaced=True, avg_logprob=None)
    assert sentence.words == (Word("aa", 0.0, 2.0, 0.5), Word("bb.", 3.0, 5.0, 0.5))
    assert sentence.end == 5.0


def test_a_mark_heard_in_the_pause_before_a_word_does_not_lengthen_it() -> None:
    (sentence,) = to_sentences(with_pause("„aa bb“", 1, 3.0), [(0, 7)], spaced=True, avg_logprob=None)
    assert sentence.words == (Word("„aa", 4.0, 6.0, 0.5), Word("bb“", 7.0, 10.0, 0.5))
    assert sentence.start == 4.0


def test_letters_and_spoken_signs_belong_to_their_word_however_far_apart() -> None:
    (letters,) = to_sentences(with_pause("ab", 1, 3.0), [(0, 2)], spaced=True, avg_logprob=None)
    (percent,) = to_sentences(with_pause("9%", 1, 3.0), [(0, 2)], spaced=True, avg_logprob=None)
    assert (letters.end, percent.end) == (5.0, 5.0)


def test_a_stop_that_is_a_word_of_its_own_lies_at_its_word_not_in_the_pause() -> None:
    (sentence,) = to_sentences(with_pause("元気。", 2, 3.0), [(0, 3)], spaced=False, avg_logprob=None)
    assert sentence.words is not None
    assert sentence.words[-1] == Word("。", 2.0, 2.0, 0.5)
    assert sentence.end == 2.0
    (quoted,) = to_sentences(with_pause("「元", 1, 3.0), [(0, 2)], spaced=False, avg_logprob=None)
    assert quoted.start == 4.0


def test_a_text_without_any_time_has_no_sentences() -> None:
    assert sentences("aa", untimed="a") == ()


def test_words_that_were_never_aligned_have_no_times() -> None:
    assert words_without_times(" aa  b ", spaced=True) == (Word("aa"), Word("b"))


def test_abbreviations_end_no_sentence() -> None:
    text = "Ask Dr. Miller. He knows, e.g. today."
    cut = [text[start:end] for start, end in SentenceSplitter("en").spans(text)]
    assert cut == ["Ask Dr. Miller.", "He knows, e.g. today."]


def test_german_has_its_own_abbreviations() -> None:
    text = "Wir brauchen z.B. den Bericht. Danke."
    cut = [text[start:end] for start, end in SentenceSplitter("de").spans(text)]
    assert cut == ["Wir brauchen z.B. den Bericht.", "Danke."]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("ja", "こんにちは。|元気ですか？|はい、元気です。"),
        ("ja", "本当！？|３．１４です．|次は３。"),
        ("ja", "「はい。」|彼は言った。"),
        ("zh", "你好.|我是OpenAI 3.5的用户!|真的吗?|是的，真的。"),
        ("zh", "他说：“好。”|然后走了（真的。）|好"),
        ("hi", "नमस्ते। |आप कैसे हैं? |मैं ठीक हूँ।"),
        ("ar", "كيف حالك؟ |أنا بخير. |شكرا"),
        ("ur", "ہیلو۔ |کیا حال ہے؟"),
        ("hy", "Բարև։ |Ինչպես ես։"),
        ("am", "ሰላም። |እንዴት ነህ፧"),
        ("my", "မင်္ဂလာပါ။ |ဟုတ်ကဲ့။"),
        ("km", "សួស្តី។ |បាទ។"),
        ("el", "Τι κάνεις; |Καλά; |ναι."),
        ("en", 'He paid 3.5 to Dr. Who; why? |"Go." |Then U.S. law.'),
    ],
)
def test_sentences_end_at_the_stops_of_every_script(language: str, text: str) -> None:
    expected = [piece.strip() for piece in text.split("|")]
    whole = text.replace("|", "")
    assert [whole[start:end] for start, end in SentenceSplitter(language).spans(whole)] == expected
