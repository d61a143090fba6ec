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
class ChunkDecoded:
    """A stretch of speech has become text."""

    segment: Segment
    """As it left the decoder: neither aligned nor given to a speaker; its text may be empty."""
    number: int
    """Of the chunks of the recording, from 0 and in order; after memory ran out the first ones come again."""
    language: str
    """Whisper's code of the spoken language."""


Event: TypeAlias = StageBegan | ChunkDecoded
Listener: TypeAlias = Callable[[Event], None]
"""Called in the thread that works, in order; must return at once."""


def nobody_listens(_event: Event) -> None:
    """Take no notice; what engines are given where nobody wants to know."""
