"""Tokens that write numbers in figures; without them Whisper writes numbers as words."""

from app.engines.platform.libraries import whisper_tokenizer
from app.engines.whisper.token_text import token_bytes

_SIGNS = frozenset("%$£€¥")


def numeral_tokens(tokenizer: "whisper_tokenizer.Tokenizer") -> tuple[int, ...]:
    """Return the ids of all text tokens with a digit, or with a sign that stands beside digits."""
    vocabulary = tokenizer.tokenizer.get_vocab()
    return tuple(
        number for written, number in vocabulary.items() if number < tokenizer.eot and _is_numeral(written)
    )


def _is_numeral(written: str) -> bool:
    text = token_bytes(written).decode("utf-8", "ignore")
    return any(character.isdecimal() or character in _SIGNS for character in text)
