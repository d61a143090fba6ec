"""The decoder's tokens, dealt out to the sentences that alignment has made of its chunks."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from app.transcript import Segment, Token


def deal_out(segments: Sequence[Segment]) -> Iterator[tuple[Segment, tuple[Token, ...]]]:
    """Yield each segment with its tokens: those of its chunk, as far as its own text reaches."""
    for _, together in groupby(segments, key=lambda segment: id(segment.decoding)):
        chunk = list(together)
        rest = list(chunk[0].decoding.tokens) if chunk[0].decoding else []
        for segment in chunk[:-1]:
            taken = _reaching(rest, len("".join(segment.text.split()).encode()))
            yield segment, tuple(rest[:taken])
            rest = rest[taken:]
        yield chunk[-1], tuple(rest)


def _reaching(tokens: Sequence[Token], length: int) -> int:
    """Return how many of `tokens` hold the first `length` bytes that are no white space."""
    for count, token in enumerate(tokens):
        if length <= 0:
            return count
        length -= len(b"".join(token.text.split()))
    return len(tokens)


def logprobs(segments: Iterable[Segment]) -> list[dict[str, Any]]:
    """Return OpenAI's list of tokens with their log probabilities; () where they are not known."""
    decodings = [next(group).decoding for _, group in groupby(segments, key=lambda each: id(each.decoding))]
    return [
        {
            "token": token.text.decode("utf-8", "replace"),
            "logprob": round(token.logprob, 6),
            "bytes": list(token.text),
        }
        for decoding in decodings
        if decoding is not None
        for token in decoding.tokens
        if token.logprob is not None
    ]
