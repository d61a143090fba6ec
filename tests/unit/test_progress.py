"""Progress never goes back and reaches its end; estimates follow the pace of the machine."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import ChunkDecoded, Event, StageAdvanced, StageBegan, StageEnded, advance_of, nobody_listens
from app.options.asr_options import AsrOptions
from app.pace import USUAL_SHARES, Pace
from app.progress import EVIDENCE, Progress, Reading, stages_of
from app.stage import Stage
from app.transcript import Segment

EVERY = tuple(USUAL_SHARES)
MINUTE = 60.0


class Clock:
    """Goes as fast as a test wants."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def paced(**rates: float) -> Pace:
    pace = Pace()
    pace.learn("demo", {Stage(name): rate * MINUTE for name, rate in rates.items()}, MINUTE)
    return pace


events = st.one_of(
    st.builds(StageBegan, st.sampled_from(Stage)),
    st.builds(StageEnded, st.sampled_from(Stage)),
    st.builds(StageAdvanced, st.sampled_from(Stage), st.floats(0, 1.5)),
    st.just(ChunkDecoded(Segment(0.0, 1.0, "hello"), 0, "en")),
)


@given(st.lists(st.tuples(events, st.floats(0, 100)), max_size=60), st.booleans(), st.booleans())
def test_progress_never_goes_back_and_reaches_its_end(
    told: Sequence[tuple[Event, float]], diarize: bool, learned: bool
) -> None:
    clock, pace = Clock(), paced(transcribe=0.1) if learned else Pace()
    progress = Progress(pace.rates("demo", stages_of(AsrOptions(diarize=diarize))), clock)
    readings = [progress.read(None)]
    for event, seconds in told:
        progress.note(event)
        clock.now += seconds
        readings.append(progress.read(MINUTE))
    readings.append(progress.finish())
    for before, after in pairwise(readings):
        assert 0 <= before.done_of_all <= after.done_of_all <= 1
        assert 0 <= after.done <= 1
        assert after.seconds_left is None or 0 <= after.seconds_left < float("inf")
    assert (readings[-1].done, readings[-1].done_of_all, readings[-1].seconds_left) == (1, 1, 0)
    assert readings[-1].stage is not Stage.LOAD


def run(
    progress: Progress, clock: Clock, seconds: dict[Stage, float], steps: int = 10
) -> list[tuple[float, Reading]]:
    """Let each stage take its seconds in even steps; return the readings with the time that was left."""
    seen, ends = [], clock.now + sum(seconds.values())
    for stage, spent in seconds.items():
        progress.note(StageBegan(stage))
        for step in range(1, steps + 1):
            clock.now += spent / steps
            progress.note(StageAdvanced(stage, step / steps))
            seen.append((ends - clock.now, progress.read(MINUTE)))
        progress.note(StageEnded(stage))
    return seen


TOOK = {Stage.DECODE: 1.0, Stage.TRANSCRIBE: 30.0, Stage.DIARIZE: 20.0, Stage.ALIGN: 9.0}


def test_what_took_as_long_before_is_estimated_to_the_second() -> None:
    clock = Clock()
    rates = {str(stage): spent / MINUTE for stage, spent in TOOK.items()}
    for left, reading in run(Progress(paced(**rates).rates("demo", EVERY), clock), clock, TOOK):
        assert reading.seconds_left == pytest.approx(left, abs=0.01)
        assert reading.done_of_all == pytest.approx(1 - left / 60, abs=0.01)


def test_a_stage_that_is_slower_than_ever_changes_the_estimate_as_it_goes_on() -> None:
    clock = Clock()
    rates = {str(stage): spent / MINUTE for stage, spent in TOOK.items()}
    slower = {**TOOK, Stage.TRANSCRIBE: 60.0}
    seen = run(Progress(paced(**rates).rates("demo", EVERY), clock), clock, slower)
    wrong = [abs(reading.seconds_left - left) for left, reading in seen if reading.stage is Stage.TRANSCRIBE]
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[-1] < 1


def test_an_unknown_machine_makes_no_promise_before_half_is_done() -> None:
    """Then what was done tells of the rest: here all takes seven times as long as usual for a minute."""
    clock = Clock()
    seen = run(Progress(Pace().rates("demo", EVERY), clock), clock, {s: 7 * t for s, t in TOOK.items()})
    early = [reading for _, reading in seen if reading.done_of_all < EVIDENCE]
    assert early
    assert {reading.seconds_left for reading in early} == {None}
    for left, reading in seen[len(early) :]:
        assert reading.seconds_left == pytest.approx(left, rel=0.25, abs=0.5)


def test_while_nothing_is_told_the_time_that_is_left_runs_down() -> None:
    clock = Clock()
    progress = Progress(paced(decode=0.0, transcribe=1.0, diarize=0.0, align=0.0).rates("demo", EVERY), clock)
    progress.note(StageBegan(Stage.TRANSCRIBE))
    left = []
    for _ in range(5):
        left.append(progress.read(MINUTE).seconds_left)
        clock.now += 20
    assert left == pytest.approx([60, 40, 20, 0, 0])
    progress.note(StageAdvanced(Stage.TRANSCRIBE, 0.5))
    assert progress.read(MINUTE).seconds_left == pytest.approx(0.5 * (0.5 * 60 + 100))


def test_what_ran_before_without_speakers_tells_of_a_request_with_them() -> None:
    clock = Clock()
    progress = Progress(paced(decode=0.01, transcribe=0.25, align=0.06).rates("demo", EVERY), clock)
    seen = run(progress, clock, {stage: 2 * TOOK[stage] for stage in EVERY})
    late = [(left, reading) for left, reading in seen if reading.done_of_all >= EVIDENCE]
    assert late
    for left, reading in late:
        assert reading.seconds_left == pytest.approx(left, rel=0.25)


def test_a_stage_whose_parts_go_unevenly_is_known_after_the_first_time() -> None:
    """The first tenth that the engine tells of takes nine tenths of the time."""
    clock, pace = Clock(), paced(decode=0.0, transcribe=1.0, diarize=0.0, align=0.0)
    wrong = []
    for _ in range(2):
        progress = Progress(pace.rates("demo", EVERY), clock, partial(pace.learn_course, "demo"))
        progress.note(StageBegan(Stage.TRANSCRIBE))
        for told in range(1, 21):
            clock.now += 27.0 if told <= 2 else 6.0 / 18
            progress.note(StageAdvanced(Stage.TRANSCRIBE, told / 20))
            if told == 2:
                wrong.append(abs((progress.read(MINUTE).seconds_left or 0.0) - 6.0))
        progress.note(StageEnded(Stage.TRANSCRIBE))
        progress.finish()
    assert wrong[0] > 60
    assert wrong[1] < 0.5


def test_nobody_says_how_long_the_loading_of_a_model_takes() -> None:
    progress = Progress(
        paced(decode=0.1, transcribe=0.1, diarize=0.1, align=0.1).rates("demo", EVERY), Clock()
    )
    for event in (StageBegan(Stage.DECODE), StageEnded(Stage.DECODE), StageBegan(Stage.LOAD)):
        progress.note(event)
    assert (progress.read(MINUTE).stage, progress.read(MINUTE).seconds_left) == (Stage.LOAD, None)
    for event in (StageEnded(Stage.LOAD), StageBegan(Stage.TRANSCRIBE)):
        progress.note(event)
    assert progress.read(MINUTE).stage is Stage.TRANSCRIBE
    assert progress.read(MINUTE).seconds_left is not None


def test_of_two_stages_beside_each_other_the_longer_one_counts() -> None:
    clock = Clock()
    progress = Progress(paced(decode=0.0, transcribe=0.5, diarize=0.2, align=0.1).rates("demo", EVERY), clock)
    progress.note(StageEnded(Stage.DECODE))
    progress.note(StageBegan(Stage.TRANSCRIBE))
    progress.note(StageBegan(Stage.DIARIZE))
    assert progress.read(MINUTE).seconds_left == pytest.approx(36)
    assert progress.read(MINUTE).stage is Stage.TRANSCRIBE


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        (AsrOptions(), "decode transcribe diarize align"),
        (AsrOptions(diarize=False), "decode transcribe align"),
        (AsrOptions(diarize=False, word_timestamps=False), "decode transcribe"),
        (AsrOptions(word_timestamps=False), "decode transcribe diarize align"),
        (AsrOptions(task="translate"), "decode transcribe diarize"),
    ],
)
def test_a_request_expects_the_stages_that_it_needs(options: AsrOptions, stages: str) -> None:
    assert " ".join(stages_of(options)) == stages


def test_long_recordings_teach_more_than_short_ones_and_old_ones_less_and_less() -> None:
    pace = paced(align=0.5)
    pace.learn("demo", {Stage.ALIGN: 1.0}, 1.0)
    assert pace.rates("demo", (Stage.ALIGN,)).by_stage[Stage.ALIGN] == pytest.approx(0.5, rel=0.05)
    for _ in range(20):
        pace.learn("demo", {Stage.ALIGN: 6.0}, MINUTE)
    assert pace.rates("demo", (Stage.ALIGN,)).by_stage[Stage.ALIGN] == pytest.approx(0.1, rel=0.01)
    assert not pace.rates("other", (Stage.ALIGN,)).learned
    pace.learn("demo", {Stage.ALIGN: 6.0}, 0.0)


def test_a_loop_counts_within_its_part_of_a_stage() -> None:
    told: list[Event] = []
    advance = advance_of(Stage.DIARIZE, told.append, 0.2, 0.6)
    for done, total in ((0, 4), (2, 4), (4, 4), (5, 4), (0, 0)):
        advance(done, total)
    fractions = [event.fraction for event in told if isinstance(event, StageAdvanced)]
    assert fractions == pytest.approx([0.2, 0.4, 0.6, 0.6, 0.6])
    assert advance_of(Stage.ALIGN, nobody_listens)(1, 2) is None


def test_a_stage_that_ends_and_goes_on_later_is_complete_when_the_next_one_begins() -> None:
    """The diarizer listens before the transcriber does, and finishes after it."""
    clock = Clock()
    progress = Progress(paced(decode=0.0, transcribe=0.5, diarize=0.5, align=0.1).rates("demo", EVERY), clock)
    left = []
    for event in (
        StageBegan(Stage.DIARIZE),
        StageAdvanced(Stage.DIARIZE, 0.5),
        StageEnded(Stage.DIARIZE),
        StageBegan(Stage.TRANSCRIBE),
        StageEnded(Stage.TRANSCRIBE),
        StageBegan(Stage.DIARIZE),
        StageEnded(Stage.DIARIZE),
        StageBegan(Stage.ALIGN),
    ):
        clock.now += 15.0 if isinstance(event, StageAdvanced | StageEnded) else 0.0
        progress.note(event)
        left.append(round(progress.read(MINUTE).seconds_left or 0.0))
    assert left[0] == 66
    assert left[-1] == 6
    assert 45 <= left[2] <= 60
