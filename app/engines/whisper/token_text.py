"""The bytes behind the tokens of a byte-level vocabulary, as GPT-2 introduced it and Whisper uses it."""

from collections.abc import Mapping
from types import MappingProxyType

_PRINTABLE = (*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1))
"""Bytes that stand for themselves in the vocabulary; the others are written as characters from 256 on."""
_BYTES: Mapping[str, int] = MappingProxyType(
    {chr(byte): byte for byte in _PRINTABLE}
    | {chr(256 + place): byte for place, byte in enumerate(sorted(set(range(256)) - set(_PRINTABLE)))}
)


def token_bytes(written: str) -> bytes:
    """Return the bytes of a token as the vocabulary writes it.

    >>> token_bytes("Ġcaf"), token_bytes("Ã©")
    (b' caf', b'\\xc3\\xa9')
    """
    if all(character in _BYTES for character in written):
        return bytes(_BYTES[character] for character in written)
    return written.encode()
