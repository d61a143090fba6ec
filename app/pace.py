"""How fast this machine is: seconds that each stage takes for a second of sound, learned from what it did."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.stage import Stage
from app.transcript import Seconds

MEMORY = 0.7
"""What the requests before the latest one count, each for less than the one after it."""

USUAL_SHARES: Mapping[Stage, float] = MappingProxyType(
    {Stage.DECODE: 0.02, Stage.TRANSCRIBE: 0.5, Stage.DIARIZE: 0.36, Stage.ALIGN: 0.12}
)
"""Of a request's time, in the order in which stages run: what stands for a stage that has not run yet."""

Course: TypeAlias = NDArray[np.float64]
"""The part of a stage's time that has passed when its engine tells each fraction of GRID."""
GRID: Course = np.linspace(0.0, 1.0, 21)


@dataclass(slots=True)
class _Account:
    """What one stage of one model took, of late."""

    spent: Seconds = 0.0
    sound: Seconds = 0.0

    @property
    def rate(self) -> float:
        return self.spent / self.sound


@dataclass(frozen=True, slots=True)
class Rates:
    """How the stages of one model go on this machine."""

    by_stage: Mapping[Stage, float]
    """Seconds per second of sound."""
    learned: bool
    """False: some have never run, and have a time in proportion to those that have, or to nothing."""
    courses: Mapping[Stage, Course] = field(default_factory=dict)
    """Of the stages that somebody listened to; the others are taken to go as evenly as they are told."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Learns from every request that was finished, in any thread, and forgets what is long ago."""

    _accounts: dict[tuple[str, Stage], _Account] = field(default_factory=dict)
    _courses: dict[tuple[str, Stage], Course] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def learn(self, model: str, stage_seconds: Mapping[Stage, Seconds], audio_seconds: Seconds) -> None:
        """Take account of one finished request; long recordings count more than short ones."""
        if audio_seconds <= 0:
            return
        with self._lock:
            for stage in USUAL_SHARES.keys() & stage_seconds.keys():
                account = self._accounts.setdefault((model, stage), _Account())
                account.spent = MEMORY * account.spent + stage_seconds[stage]
                account.sound = MEMORY * account.sound + audio_seconds

    def learn_course(
        self, model: str, stage: Stage, told: Sequence[float], passed: Sequence[Seconds]
    ) -> None:
        """Take account of a stage that told the fractions `told`, rising to 1, when `passed` had passed.

        The networks of a stage differ from model to model in what they take, which no engine can know.
        """
        if passed[-1] <= 0:
            return
        course: Course = np.interp(GRID, [0.0, *told], np.array([0.0, *passed]) / passed[-1])
        with self._lock:
            before = self._courses.get((model, stage), course)
            self._courses[model, stage] = MEMORY * before + (1 - MEMORY) * course

    def rates(self, model: str, stages: tuple[Stage, ...]) -> Rates:
        """Return the rates of `stages`; those of stages that never ran are in proportion to the others."""
        with self._lock:
            accounts = {stage: self._accounts.get((model, stage)) for stage in stages}
            known = {stage: account.rate for stage, account in accounts.items() if account is not None}
            found = {stage: self._courses.get((model, stage)) for stage in stages}
        courses = {stage: course for stage, course in found.items() if course is not None}
        share = sum(USUAL_SHARES[stage] for stage in known)
        scale = sum(known.values()) / share if known else 1.0
        by_stage = {stage: known.get(stage, scale * USUAL_SHARES[stage]) for stage in stages}
        return Rates(by_stage, len(known) == len(stages), courses)
