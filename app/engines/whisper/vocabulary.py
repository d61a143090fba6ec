"""Whisper's vocabulary: from text and language to tokens, and from tokens to text."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.engines.platform.libraries import whisper_tokenizer
from app.engines.whisper.rows import Decoded
from app.engines.whisper.token_text import token_bytes
from app.transcript import Decoding, Token


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Of one model; the same for all of its languages."""

    tokens: Any
    """Tokenizer of the tokenizers library."""
    multilingual: bool

    def tokenizer(self, language: str, task: str = "transcribe") -> "whisper_tokenizer.Tokenizer":
        """Return faster-whisper's tokenizer, which knows the tokens of a language and a task."""
        return whisper_tokenizer.Tokenizer(self.tokens, self.multilingual, task=task, language=language)

    def decoding(self, decoded: Decoded, temperature: float) -> Decoding:
        """Return what is to be told of how a row was decoded."""
        name = self.tokens.id_to_token
        tokens = tuple(Token(number, token_bytes(name(number))) for number in self._text(decoded))
        ratio = compression_ratio(b"".join(token.text for token in tokens))
        return Decoding(tokens, temperature, decoded.no_speech_prob, ratio, decoded.tokens)

    def text(self, decoded: Decoded) -> str:
        """Return the text of what was written."""
        text: str = self.tokens.decode(self._text(decoded))
        return text.strip()

    def is_text(self, number: int) -> bool:
        """Return whether a token stands for text, not for a language, a task or a time."""
        return number < int(self.tokens.token_to_id("<|endoftext|>"))

    def _text(self, decoded: Decoded) -> Sequence[int]:
        """Return the tokens of the text alone."""
        return list(filter(self.is_text, decoded.tokens))


def compression_ratio(text: bytes) -> float:
    """Return how many times smaller zlib makes `text`: high where words repeat."""
    written = text.strip()
    return len(written) / len(zlib.compress(written)) if written else 0.0
