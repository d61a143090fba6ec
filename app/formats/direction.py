"""Lines that read from right to left, as Hebrew, Arabic, Persian and Urdu do, in players that cannot know.

A player lays a line out by its first letter, or always from left to right. A name in Latin letters at the
front, or a full stop at the end, then stands on the wrong side. Invisible marks of Unicode (UAX #9) say what
was meant.
"""

from unicodedata import bidirectional

RIGHT_TO_LEFT_MARK = "\u200f"
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"


def reads_right_to_left(text: str) -> bool:
    """Return whether most letters of `text` belong to a script that is written from right to left."""
    kinds = [bidirectional(character) for character in text]
    return kinds.count("R") + kinds.count("AL") > kinds.count("L")


def bidi_isolate(name: str) -> str:
    """Return `name` so that it is laid out on its own and moves as a whole to where the line begins."""
    return f"{_FIRST_STRONG_ISOLATE}{name}{_POP_ISOLATE}"


def mark_right_to_left(line: str) -> str:
    """Return `line` with a mark at either end, which keeps its first and last characters on their sides."""
    return f"{RIGHT_TO_LEFT_MARK}{line}{RIGHT_TO_LEFT_MARK}"
