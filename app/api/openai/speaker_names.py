"""What speakers are called on /v1: the names that the client gave, else A, B, C in order of appearance."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import count
from string import ascii_uppercase


def letters(taken: Collection[str] = ()) -> Iterator[str]:
    """Yield A, B, ..., Z, AA, AB, ... without those that are taken."""
    for length in count(1):
        for number in range(len(ascii_uppercase) ** length):
            name = _letter(number, length)
            if name not in taken:
                yield name


def names_of(labels: Iterable[str | None], known: Collection[str] = ()) -> Mapping[str | None, str]:
    """Return what each label is called: a known name stays, others get the next free letter.

    None, speech of nobody in particular, is a voice of its own: OpenAI's clients want a name on everything.
    """
    free = letters(known)
    return {
        label: label if label is not None and label in known else next(free)
        for label in dict.fromkeys(labels)
    }


def _letter(number: int, length: int) -> str:
    digits = ""
    for _ in range(length):
        number, place = divmod(number, len(ascii_uppercase))
        digits = ascii_uppercase[place] + digits
    return digits
