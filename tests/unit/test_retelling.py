"""A listener hears of a part what is true of the whole."""

from app.events import ChunkDecoded, Event, StageAdvanced, StageBegan, StageEnded
from app.retelling import telling_later, telling_of_a_part
from app.stage import Stage
from app.transcript import Segment, Word


def test_text_of_an_excerpt_has_the_times_of_the_whole() -> None:
    told: list[Event] = []
    tell = telling_later(told.append, 90.0)
    tell(StageBegan(Stage.ALIGN))
    tell(ChunkDecoded(Segment(1.0, 2.0, "a b", (Word("a", 1.0, 1.5), Word("b"))), 0, "en"))
    moved = Segment(91.0, 92.0, "a b", (Word("a", 91.0, 91.5), Word("b")))
    assert told == [StageBegan(Stage.ALIGN), ChunkDecoded(moved, 0, "en")]


def test_a_stage_of_two_parts_begins_once_ends_once_and_advances_through_both() -> None:
    told: list[Event] = []
    for number in (0, 1):
        tell = telling_of_a_part(told.append, number, 2)
        tell(StageBegan(Stage.LOAD))
        tell(StageEnded(Stage.LOAD))
        tell(StageBegan(Stage.TRANSCRIBE))
        tell(StageAdvanced(Stage.TRANSCRIBE, 0.5))
        tell(ChunkDecoded(Segment(1.0, 2.0, "text"), 0, "en"))
        tell(StageEnded(Stage.TRANSCRIBE))
    load = [StageBegan(Stage.LOAD), StageEnded(Stage.LOAD)]
    assert told == [
        *load,
        StageBegan(Stage.TRANSCRIBE),
        StageAdvanced(Stage.TRANSCRIBE, 0.25),
        StageAdvanced(Stage.TRANSCRIBE, 0.5),
        *load,
        StageAdvanced(Stage.TRANSCRIBE, 0.75),
        StageEnded(Stage.TRANSCRIBE),
    ]
