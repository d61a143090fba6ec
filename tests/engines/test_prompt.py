"""Prompts and hotwords always fit the decoder's context."""

from hypothesis import given, settings
from hypothesis import strategies as st

from app.engines.whisper.prompt import PROMPT_TOKENS, fit_prompts


class Words:
    """A tokenizer with one token per word."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def encode(self, text: str) -> list[int]:
        return [self.ids.setdefault(word, len(self.ids)) for word in text.split()]

    def decode(self, tokens: list[int]) -> str:
        words = list(self.ids)
        return " ".join(words[token] for token in tokens)


def test_short_texts_stay_as_they_are() -> None:
    assert fit_prompts(Words(), "a meeting", "Munich, Kiel") == ("a meeting", "Munich, Kiel")


def test_nothing_stays_nothing() -> None:
    assert fit_prompts(Words(), None, "  ") == (None, None)


def test_a_long_prompt_keeps_its_end_and_long_hotwords_their_start() -> None:
    listed = " ".join(f"w{number}" for number in range(1000))
    prompt, _ = fit_prompts(Words(), listed, None)
    _, hotwords = fit_prompts(Words(), None, listed)
    assert prompt is not None
    assert prompt.endswith("w998 w999")
    assert hotwords is not None
    assert hotwords.startswith("w0 w1 ")


@settings(max_examples=40, deadline=None)
@given(prompt=st.integers(0, 500), hotwords=st.integers(0, 500))
def test_both_together_fit(prompt: int, hotwords: int) -> None:
    words = Words()
    fitted = fit_prompts(words, "p " * prompt, "h " * hotwords)
    used = sum(len(words.encode(text)) for text in fitted if text)
    assert used <= PROMPT_TOKENS


def test_control_tokens_are_plain_text() -> None:
    prompt, hotwords = fit_prompts(Words(), "<|endoftext|> now", "<|de|>")
    assert "<|" not in f"{prompt}{hotwords}"
