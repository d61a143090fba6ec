"""What work tells of a part of a recording, as a listener to the whole of it should hear it."""

from dataclasses import replace

from app.events import ChunkDecoded, Event, Listener, StageAdvanced, StageBegan, StageEnded
from app.stage import Stage
from app.time_shift import later
from app.transcript import Seconds


def telling_later(tell: Listener, seconds: Seconds) -> Listener:
    """Return a listener that passes text on to `tell` with its times so much later."""

    def told(event: Event) -> None:
        if isinstance(event, ChunkDecoded):
            event = replace(event, segment=later([event.segment], seconds)[0])
        tell(event)

    return told


def telling_of_a_part(tell: Listener, number: int, count: int) -> Listener:
    """Return a listener to part `number` (from 0 on) of `count` that passes on how far the whole has come.

    A stage begins with the first part and ends with the last one. Text is not passed on: it would come out
    of order.
    """

    def told(event: Event) -> None:
        if isinstance(event, ChunkDecoded):
            return
        if event.stage is Stage.LOAD:
            tell(event)
        elif isinstance(event, StageAdvanced):
            tell(StageAdvanced(event.stage, (number + event.fraction) / count))
        elif isinstance(event, StageEnded) and number < count - 1:
            tell(StageAdvanced(event.stage, (number + 1) / count))
        elif not isinstance(event, StageBegan) or number == 0:
            tell(event)

    return told
