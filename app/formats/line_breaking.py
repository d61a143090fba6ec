"""Lines and cues that hold together: where to end a line, where to end a cue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from app.formats.text_units import Atom
from app.transcript import Seconds

_LONG_PAUSE: Seconds = 3.0
_SHORT_PAUSE: Seconds = 0.5
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
_CLAUSE_ENDS = (",", ";", ":", "、", "，", "；", "：")


@dataclass(frozen=True, slots=True)
class Room:
    """What one cue may hold."""

    width: int
    lines: int
    seconds: Seconds
    indent: int
    """Characters taken by the speaker's name on the first line."""


def wrap(pieces: Sequence[Atom], room: Room) -> list[tuple[Atom, ...]]:
    """Return `pieces` in as few lines as the width allows, of about the same length each.

    An atom wider than a line stands on a line of its own.
    """
    lines = _fill(pieces, room.width, room.indent)
    if len(lines) == 1:
        return lines
    narrow, wide = 0, room.width
    while narrow + 1 < wide:
        middle = (narrow + wide) // 2
        if len(_fill(pieces, middle, room.indent)) > len(lines):
            narrow = middle
        else:
            wide = middle
    return _fill(pieces, wide, room.indent)


def _fill(pieces: Sequence[Atom], width: int, indent: int) -> list[tuple[Atom, ...]]:
    lines: list[list[Atom]] = []
    column = indent
    for piece in pieces:
        wanted = column + piece.space_before + len(piece.text)
        if lines and wanted <= width:
            lines[-1].append(piece)
            column = wanted
        elif lines:
            lines.append([piece])
            column = len(piece.text)
        else:
            lines.append([piece])
            column = indent + len(piece.text)
    return [tuple(line) for line in lines]


def cut(pieces: Sequence[Atom], room: Room) -> list[tuple[Atom, ...]]:
    """Return `pieces` in as few cues as fit into `room`, about equal, ended at punctuation if possible.

    A pause of more than 3 s always ends a cue. A single atom is never cut.
    """
    if any(end == len(pieces) for end, _ in _possible_ends(pieces, 0, room)):
        return [tuple(pieces)]
    costs = [0.0] + [inf] * len(pieces)
    begins = [0] * (len(pieces) + 1)
    for begin in range(len(pieces)):
        for end, fill in _possible_ends(pieces, begin, room):
            cost = costs[begin] + 1 + fill**2 + _harm_of_ending(pieces, end)
            if cost < costs[end]:
                costs[end], begins[end] = cost, begin
    cues: list[tuple[Atom, ...]] = []
    end = len(pieces)
    while end > 0:
        cues.append(tuple(pieces[begins[end] : end]))
        end = begins[end]
    return cues[::-1]


def _possible_ends(pieces: Sequence[Atom], begin: int, room: Room) -> Iterator[tuple[int, float]]:
    """Yield each end of a cue that starts at `begin`, and how full it would be, 0 to 1."""
    column, line, characters = room.indent, 1, room.indent
    for index in range(begin, len(pieces)):
        piece = pieces[index]
        wanted = column + piece.space_before + len(piece.text)
        if index > begin and wanted > room.width:
            line += 1
            column = len(piece.text)
        else:
            column = wanted - (piece.space_before if index == begin else 0)
        characters += piece.space_before + len(piece.text)
        seconds = piece.end - pieces[begin].start
        pause = piece.start - pieces[index - 1].end if index > begin else 0.0
        if index > begin and (line > room.lines or seconds > room.seconds or pause > _LONG_PAUSE):
            return
        yield index + 1, min(1.0, max(characters / (room.width * room.lines), seconds / room.seconds))


def _harm_of_ending(pieces: Sequence[Atom], end: int) -> float:
    last = pieces[end - 1].text.rstrip("\"'”’」』)）")
    if end == len(pieces) or last.endswith(_SENTENCE_ENDS):
        return 0.0
    if last.endswith(_CLAUSE_ENDS) or pieces[end].start - pieces[end - 1].end > _SHORT_PAUSE:
        return 0.1
    return 0.4
