"""What running work tells on its way, to whoever listens to one request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from app.stage import Stage
from app.transcript import Segment


@dataclass(frozen=True, slots=True)
class StageBegan:
    """A stage begins; one that waits for its engine begins with Stage.LOAD."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class StageAdvanced:
    """A part of a stage is done; after memory ran out the stage begins again."""

    stage: Stage
    fraction: float
    """Of the stage's work, 0 to 1."""


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage is over, whether it succeeded or not."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class ChunkDecoded:
    """A stretch of speech has become text."""

    segment: Segment
    """As it left the decoder: neither aligned nor given to a speaker; its text may be empty."""
    number: int
    """Of the chunks of the recording, from 0 and in order; after memory ran out the first ones come again."""
    language: str
    """Whisper's code of the spoken language."""


Event: TypeAlias = StageBegan | StageAdvanced | StageEnded | ChunkDecoded
Listener: TypeAlias = Callable[[Event], None]
"""Called in the thread that works, in order; must return at once."""

Advance: TypeAlias = Callable[[float, float], None]
"""Called by a loop with how much of its work is done, and how much there is, in whatever it counts."""


def nobody_listens(_event: Event) -> None:
    """Take no notice; what engines are given where nobody wants to know."""


def nobody_counts(_done: float, _total: float) -> None:
    """Take no notice; what loops are given where nobody wants to know."""


def advance_of(stage: Stage, tell: Listener, begin: float = 0.0, end: float = 1.0) -> Advance:
    """Return what tells of a loop that does the work of `stage` from the fraction `begin` to `end`."""

    def advance(done: float, total: float) -> None:
        share = min(done / total, 1.0) if total > 0 else 1.0
        tell(StageAdvanced(stage, begin + (end - begin) * share))

    return advance if tell is not nobody_listens else nobody_counts
