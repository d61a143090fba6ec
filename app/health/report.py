"""The answer of GET /health: a status, and a sentence for each thing that is wrong or slow."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.health.engine_state import EngineState
from app.health.expected_engines import ExpectedEngine
from app.models.engine_id import EngineId
from app.stage import Stage
from app.transcript import Seconds

Status: TypeAlias = Literal["healthy", "loading", "degraded", "unhealthy"]

LONG_LOAD_SECONDS: Seconds = 120
"""A load that takes longer is named: nothing distinguishes a long download from one that hangs."""
FORGET_SECONDS: Seconds = 600
"""A model that nobody preloads and that could not be loaded is named for so long after the last try."""
NOT_YET = "not loaded yet"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether the service can answer now, and why not."""

    status: Status
    reasons: tuple[str, ...] = ()
    """Why it is not healthy, or what the first request will wait for: one sentence each."""
    no_speakers: str | None = None
    """Why nothing proves that people can be told apart now; None: it is proven."""


@dataclass(frozen=True, slots=True)
class Reporter:
    """Puts the states of all engines at one moment into words."""

    expected: Sequence[ExpectedEngine]
    states: Mapping[EngineId, EngineState]
    named_sources: Collection[str]
    """Sources that the operator chose: of engines that nobody expects only these can be missed."""
    device_lost: bool
    now: Seconds

    def report(self) -> HealthReport:
        """Return the state of the service."""
        fatal = [reason for engine in self.expected if engine.essential for reason in self._failures(engine)]
        partial = [
            reason
            for engine in self.expected
            for reason in ([] if engine.essential else self._failures(engine)) + self._downloads(engine)
        ]
        partial += self._failures_of_others()
        if self.device_lost:
            fatal.append("the GPU stopped working; the service must be restarted")
        notes = [note for engine in self.expected for note in self._notes(engine)]
        no_speakers = self._no_speakers()
        if fatal:
            return HealthReport("unhealthy", (*fatal, *partial), no_speakers)
        if any(map(self._is_awaited, self.expected)):
            return HealthReport("loading", (*partial, *notes), no_speakers)
        return HealthReport("degraded" if partial else "healthy", (*partial, *notes), no_speakers)

    def _failures(self, engine: ExpectedEngine) -> list[str]:
        """Return what is wrong with `engine`; missing files count if it is preloaded or essential."""
        state = self.states[engine.id]
        reasons = _failures(engine, state, files_count=engine.essential or engine.preloaded)
        if state.searching and (seconds := self._long_attempt(state)):
            minutes = _minutes(seconds)
            reasons.append(f"{engine.capability}: the disk with its files has not answered for {minutes}")
        return reasons

    def _downloads(self, engine: ExpectedEngine) -> list[str]:
        to_download = self.states[engine.id].to_download and engine.preloaded
        return [engine.download_pending] if to_download else []

    def _failures_of_others(self) -> list[str]:
        """Return what is wrong with engines that only some requests ask for."""
        expected = {engine.id for engine in self.expected}
        reasons = []
        for engine_id, state in self.states.items():
            if engine_id in expected:
                continue
            recent = self.now - state.failed_at < FORGET_SECONDS
            if state.load_failure is not None and recent and engine_id.source in self.named_sources:
                reasons.append(state.load_failure)
            if state.check_failure is not None:
                what = f"{engine_id.stage.noun} with {engine_id.name}"
                reasons.append(_check_failed(what, state.check_failure))
        return reasons

    def _is_awaited(self, engine: ExpectedEngine) -> bool:
        return not self.states[engine.id].known and (engine.preloaded or engine.essential)

    def _notes(self, engine: ExpectedEngine) -> list[str]:
        """Return what makes `engine` slow to come, though nothing is wrong."""
        state = self.states[engine.id]
        seconds = self._long_attempt(state)
        if seconds is not None and not state.searching:
            minutes = _minutes(seconds)
            return [f"{engine.capability} still loading after {minutes}; the log shows each download"]
        if state.to_download and engine.essential and not engine.preloaded:
            return [engine.download_pending]
        return []

    def _long_attempt(self, state: EngineState) -> Seconds | None:
        """Return how long a load or search has been under way, where that is long."""
        if state.attempt_began is None or self.now - state.attempt_began < LONG_LOAD_SECONDS:
            return None
        return self.now - state.attempt_began

    def _no_speakers(self) -> str | None:
        """Return why the expected diarization is not proven to be available."""
        diarizer = next((engine for engine in self.expected if engine.id.stage is Stage.DIARIZE), None)
        if diarizer is None:
            return None
        state = self.states[diarizer.id]
        reasons = _failures(diarizer, state, files_count=True)
        if reasons or state.proven:
            return reasons[0] if reasons else None
        return diarizer.download_pending if state.to_download else f"{diarizer.capability} {NOT_YET}"


def _failures(engine: ExpectedEngine, state: EngineState, *, files_count: bool) -> list[str]:
    """Return what is wrong with `engine`; `files_count`: missing files count before anybody asked for it."""
    reasons = []
    absent = state.load_failure or (state.files_missing if files_count else None)
    if absent is not None:
        reasons.append(f"{engine.capability} unavailable: {absent}")
    if state.check_failure is not None:
        reasons.append(_check_failed(engine.id.stage.noun, state.check_failure))
    return reasons


def _check_failed(what: str, how: str) -> str:
    return f"{what} {how} on a short known sound; the log has the cause"


def _minutes(seconds: Seconds) -> str:
    return f"{seconds / 60:.0f} min"
