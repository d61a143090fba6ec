"""How far one request has come and how long it still takes, out of the events that it tells of."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from app.events import ChunkDecoded, Event, StageAdvanced, StageBegan, StageEnded
from app.options.asr_options import AsrOptions
from app.pace import GRID, Pace, Rates
from app.stage import Stage
from app.transcript import Seconds

EVIDENCE = 0.5
"""Part of the work after which it tells of the rest, on a machine that has not done all of it before.

What stages take in proportion to each other differs several times from one machine and model to another.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """The state at one moment."""

    stage: Stage
    """What is being done; of two at the same time the one that is first in the order of things."""
    done: float
    """Of that stage, 0 to 1."""
    done_of_all: float
    """Of the whole request, 0 to 1; never less than before."""
    seconds_left: Seconds | None
    """None: a model is being loaded, or a stage has never run here and less than EVIDENCE is done."""


@dataclass(slots=True)
class _Course:
    """What is known of one stage."""

    began_at: Seconds | None = None
    spent: Seconds = 0.0
    """Before `began_at`."""
    fraction: float = 0.0
    """Of its time."""
    told: list[float] = field(default_factory=list)
    """Fractions that its engine told, rising."""
    passed: list[Seconds] = field(default_factory=list)
    """What had passed when it told each."""

    @property
    def taken(self) -> Seconds:
        """What it took to come as far as its engine has told."""
        return self.passed[-1] if self.passed else 0.0

    def seconds(self, now: Seconds) -> Seconds:
        return self.spent + (0.0 if self.began_at is None else now - self.began_at)


def stages_of(options: AsrOptions) -> tuple[Stage, ...]:
    """Return the stages that a request will need, in the order in which they run."""
    aligns = options.task != "translate" and (options.word_timestamps or options.diarize)
    wanted = {Stage.DIARIZE: options.diarize, Stage.ALIGN: aligns}
    every = (Stage.DECODE, Stage.TRANSCRIBE, Stage.DIARIZE, Stage.ALIGN)
    return tuple(stage for stage in every if wanted.get(stage, True))


def progress_of(options: AsrOptions, model: str, pace: Pace) -> "Progress":
    """Return what follows a request for `options`, at the pace that the model of this name has had here."""
    learn = partial(pace.learn_course, model)
    return Progress(pace.rates(model, stages_of(options)), time.monotonic, learn)


class Progress:
    """Follows one request; belongs to the event loop.

    A stage, and a part of it, counts as much as it usually takes here. What it still takes is at first what
    it usually does, and the more of it is done, the more it follows from what it took so far.
    """

    def __init__(
        self,
        rates: Rates,
        clock: Callable[[], Seconds],
        learn: Callable[[Stage, Sequence[float], Sequence[Seconds]], None] = lambda *_: None,
    ) -> None:
        """Expect the stages of `rates`, in its order; `learn` hears in the end how each of them went."""
        self._rates = rates
        self._clock = clock
        self._learn = learn
        self._courses = {stage: _Course() for stage in rates.by_stage}
        self._loading = False
        self._shown = next(iter(rates.by_stage))
        self._of_all = 0.0

    def note(self, event: Event) -> None:
        """Take notice of what happened just now; a stage that nobody expected changes nothing."""
        if isinstance(event, StageBegan | StageEnded) and event.stage is Stage.LOAD:
            self._loading = isinstance(event, StageBegan)
        course = None if isinstance(event, ChunkDecoded) else self._courses.get(event.stage)
        if course is None:
            return
        if isinstance(event, StageBegan):
            self._complete_before(event.stage)
            course.began_at = self._clock()
        elif isinstance(event, StageAdvanced):
            self._advance(event.stage, course, min(event.fraction, 1.0))
        elif isinstance(event, StageEnded):
            course.spent, course.began_at = course.seconds(self._clock()), None

    def read(self, audio_seconds: Seconds | None) -> Reading:
        """Return the state now; `audio_seconds` is the length of the recording, once it is known."""
        under_way = self._under_way()
        loading = self._loading and not under_way
        self._shown = Stage.LOAD if loading else next(iter(under_way), self._shown)
        course = self._courses.get(self._shown)
        rates = self._rates.by_stage
        weighed = sum(rate * self._courses[stage].fraction for stage, rate in rates.items())
        self._of_all = max(self._of_all, weighed / sum(rates.values()))
        left = None if loading or audio_seconds is None else self._seconds_left(audio_seconds)
        return Reading(self._shown, course.fraction if course else 0.0, self._of_all, left)

    def finish(self) -> Reading:
        """Return the state when all is done."""
        self._of_all = 1.0
        for ran, course in self._courses.items():
            self._advance(ran, course, 1.0)
            if len(course.told) > 1:
                self._learn(ran, course.told, course.passed)
        stage = next(reversed(self._courses)) if self._shown is Stage.LOAD else self._shown
        return Reading(stage, 1.0, 1.0, 0.0)

    def _complete_before(self, stage: Stage) -> None:
        """Take the stages before `stage` for complete that have run: one that ended may still go on later."""
        for earlier, course in self._courses.items():
            if earlier is stage:
                return
            if course.spent and course.began_at is None:
                self._advance(earlier, course, 1.0)

    def _advance(self, stage: Stage, course: _Course, told: float) -> None:
        if course.told and told <= course.told[-1]:  # it began again
            return
        course.told.append(told)
        course.passed.append(course.seconds(self._clock()))
        usual = self._rates.courses.get(stage, GRID)
        course.fraction = max(course.fraction, float(np.interp(told, GRID, usual)))

    def _under_way(self) -> list[Stage]:
        return [stage for stage, course in self._courses.items() if course.began_at is not None]

    def _seconds_left(self, audio_seconds: Seconds) -> Seconds | None:
        usual = self._usual(audio_seconds)
        if usual is None:
            return None
        under_way = self._under_way()
        left = {stage: self._left_of(stage, usual[stage]) for stage in usual}
        beside = max((left.pop(stage) for stage in under_way), default=0.0)
        return beside + sum(left.values())

    def _usual(self, audio_seconds: Seconds) -> dict[Stage, Seconds] | None:
        """Return what each stage takes here; where some never ran, in proportion to what was done so far."""
        usual = {stage: rate * audio_seconds for stage, rate in self._rates.by_stage.items()}
        if self._rates.learned:
            return usual
        begun = {stage: course for stage, course in self._courses.items() if course.fraction > 0}
        done = sum(usual[stage] * course.fraction for stage, course in begun.items())
        if done < EVIDENCE * sum(usual.values()):
            return None
        scale = sum(course.taken for course in begun.values()) / done
        return {stage: scale * seconds for stage, seconds in usual.items()}

    def _left_of(self, stage: Stage, usual: Seconds) -> Seconds:
        """Return what is left of a stage: estimated anew with each part it tells of, and running down."""
        course = self._courses[stage]
        left = 1.0 - course.fraction
        since = course.seconds(self._clock()) - max(course.taken, course.spent)
        return max(0.0, left * (left * usual + course.taken) - since)
