"""Where a subtitle line and a subtitle cue end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

from app.formats.text_units import TextUnit
from app.transcript import Seconds

Line: TypeAlias = tuple[TextUnit, ...]

_LONG_PAUSE: Seconds = 3.0
_SHORT_PAUSE: Seconds = 0.5
_SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
_CLAUSE_ENDS = (",", ";", ":", "、", "，", "；", "：")


@dataclass(frozen=True, slots=True)
class CueLimits:
    """What one cue may hold at most."""

    width: int
    """Characters per line."""
    lines: int
    seconds: Seconds
    indent: int
    """Characters taken by the speaker's name on the first line."""


def wrap_lines(units: Sequence[TextUnit], limits: CueLimits) -> list[Line]:
    """Return `units` in as few lines as the width allows, of about the same length each.

    A unit wider than a line stands on a line of its own.
    """
    lines = _fill(units, limits.width, limits.indent)
    if len(lines) == 1:
        return lines
    narrow, wide = 0, limits.width
    while narrow + 1 < wide:
        middle = (narrow + wide) // 2
        if len(_fill(units, middle, limits.indent)) > len(lines):
            narrow = middle
        else:
            wide = middle
    return _fill(units, wide, limits.indent)


def _fill(units: Sequence[TextUnit], width: int, indent: int) -> list[Line]:
    lines: list[list[TextUnit]] = []
    column = indent
    for unit in units:
        wanted = column + unit.space_before + len(unit.text)
        if lines and wanted <= width:
            lines[-1].append(unit)
            column = wanted
        elif lines:
            lines.append([unit])
            column = len(unit.text)
        else:
            lines.append([unit])
            column = indent + len(unit.text)
    return [tuple(line) for line in lines]


def split_into_cues(units: Sequence[TextUnit], limits: CueLimits) -> list[Line]:
    """Return `units` in as few cues as fit into `limits`, about equal, ended at punctuation if possible.

    A pause of more than 3 s always ends a cue. A single unit is never split.
    """
    if any(end == len(units) for end, _ in _cue_ends(units, 0, limits)):
        return [tuple(units)]
    costs = [0.0] + [inf] * len(units)
    begins = [0] * (len(units) + 1)
    for begin in range(len(units)):
        for end, fill in _cue_ends(units, begin, limits):
            cost = costs[begin] + 1 + fill**2 + _break_penalty(units, end)
            if cost < costs[end]:
                costs[end], begins[end] = cost, begin
    cues: list[Line] = []
    end = len(units)
    while end > 0:
        cues.append(tuple(units[begins[end] : end]))
        end = begins[end]
    return cues[::-1]


def _cue_ends(units: Sequence[TextUnit], begin: int, limits: CueLimits) -> Iterator[tuple[int, float]]:
    """Yield each end of a cue that starts at `begin`, and how full it would be, 0 to 1."""
    column, line, characters = limits.indent, 1, limits.indent
    for index in range(begin, len(units)):
        unit = units[index]
        wanted = column + unit.space_before + len(unit.text)
        if index > begin and wanted > limits.width:
            line += 1
            column = len(unit.text)
        else:
            column = wanted - (unit.space_before if index == begin else 0)
        characters += unit.space_before + len(unit.text)
        seconds = unit.end - units[begin].start
        pause = unit.start - units[index - 1].end if index > begin else 0.0
        if index > begin and (line > limits.lines or seconds > limits.seconds or pause > _LONG_PAUSE):
            return
        yield index + 1, min(1.0, max(characters / (limits.width * limits.lines), seconds / limits.seconds))


def _break_penalty(units: Sequence[TextUnit], end: int) -> float:
    """Return the cost of ending a cue before `units[end]`: none after a sentence, most within a clause."""
    last = units[end - 1].text.rstrip("\"'”’」』)）")
    if end == len(units) or last.endswith(_SENTENCE_ENDS):
        return 0.0
    if last.endswith(_CLAUSE_ENDS) or units[end].start - units[end - 1].end > _SHORT_PAUSE:
        return 0.1
    return 0.4
