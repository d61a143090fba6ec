"""The tokens before the text: prompts and hotwords made to fit the decoder's context, language and task."""

from typing import Protocol

from app.engines.platform.libraries import whisper_tokenizer


class TextTokenizer(Protocol):
    """The part of Whisper's tokenizer needed here."""

    def encode(self, text: str) -> list[int]:
        """Return the tokens of `text`."""
        ...

    def decode(self, tokens: list[int]) -> str:
        """Return the text of `tokens`."""
        ...


PROMPT_TOKENS = 223
"""Whisper's context is 448 tokens; half of it, less the marker, is for what precedes the speech."""
_SLACK = 4
"""Text cut between tokens may be encoded again into a few more."""


def prompt_tokens(
    tokenizer: "whisper_tokenizer.Tokenizer", initial_prompt: str | None, hotwords: str | None
) -> tuple[int, ...]:
    """Return what precedes the text: hotwords and prompt, made to fit, then language and task."""
    prompt, words = fit_prompts(tokenizer, initial_prompt, hotwords)
    before = [token for text in (words, prompt) if text for token in tokenizer.encode(" " + text)]
    mark = [tokenizer.sot_prev] if before else []
    return (*mark, *before[-PROMPT_TOKENS:], *tokenizer.sot_sequence, tokenizer.no_timestamps)


def fit_prompts(
    tokenizer: TextTokenizer, initial_prompt: str | None, hotwords: str | None
) -> tuple[str | None, str | None]:
    """Return both texts so short that together they fit: hotwords keep their start, the prompt its end.

    faster-whisper allows each of them half of the context and then fails when both are long.
    """
    words = _cleaned(hotwords)
    if words is not None:
        words = _shortened(tokenizer, words, PROMPT_TOKENS, keep_end=False)
    used = len(tokenizer.encode(" " + words)) if words else 0
    prompt = _cleaned(initial_prompt)
    if prompt is not None:
        prompt = _shortened(tokenizer, prompt, PROMPT_TOKENS - used, keep_end=True)
    return prompt or None, words or None


def _cleaned(text: str | None) -> str | None:
    """Return `text` without the marks that Whisper's tokenizer would read as control tokens."""
    return None if text is None else text.replace("<|", "< |").strip()


def _shortened(tokenizer: TextTokenizer, text: str, limit: int, *, keep_end: bool) -> str:
    tokens = tokenizer.encode(" " + text)
    if len(tokens) <= limit:
        return text
    room = max(0, limit - _SLACK)
    if room == 0:
        return ""
    kept = tokens[-room:] if keep_end else tokens[:room]
    return tokenizer.decode(kept).replace("\ufffd", "").strip()
