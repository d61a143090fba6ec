"""The pool's books: what is loaded or about to be, who counts on it, and what failed to load lately."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from app.engines.leasing import EngineKey, Loaded
from app.errors import ModelUnavailable
from app.transcript import Seconds


class State(Enum):
    """Where an engine is on its way; GONE: it was closed, or could not be loaded."""

    LOADING = "loading"
    READY = "ready"
    CLOSING = "closing"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Entry:
    """One engine, from the moment somebody asks for it until it is closed."""

    size_bytes: int
    state: State = State.LOADING
    loaded: Loaded[Any] | None = None
    leases: int = 0
    """Those who use it or wait for it; so none of them can lose it again before taking it up."""
    last_used: Seconds = 0.0
    failure: BaseException | None = None
    """Why it could not be loaded, for the one who asked for it first."""


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    until: Seconds


@dataclass(slots=True)
class Shelf:
    """What the pool holds; every method is called under the pool's lock."""

    max_loaded: int
    budget_bytes: int
    cool_down_seconds: Seconds
    entries: dict[EngineKey, Entry] = field(default_factory=dict)
    _failures: dict[EngineKey, _Failure] = field(default_factory=dict)

    def put(self, key: EngineKey, loaded: Loaded[Any], now: Seconds) -> None:
        """Note that the engine of `key` is loaded."""
        entry = self.entries[key]
        entry.loaded, entry.size_bytes = loaded, loaded.size_bytes
        entry.state, entry.last_used = State.READY, now
        self._failures.pop(key, None)

    def drop(self, key: EngineKey, failure: BaseException | None = None) -> None:
        """Forget the engine of `key`: it is closed, or could not be loaded because of `failure`."""
        entry = self.entries.pop(key)
        entry.state, entry.failure = State.GONE, failure

    def remember_failure(self, key: EngineKey, reason: str, now: Seconds) -> ModelUnavailable:
        """Refuse `key` until it has cooled down; return the first refusal."""
        self._failures[key] = _Failure(reason, now + self.cool_down_seconds)
        return _refusal(key, reason, self.cool_down_seconds)

    def refuse_while_cooling_down(self, key: EngineKey, now: Seconds) -> None:
        """Return if `key` may be loaded.

        Raises:
            ModelUnavailable: it failed so recently that it is not tried again yet.
        """
        failure = self._failures.get(key)
        if failure is None:
            return
        if failure.until > now:
            raise _refusal(key, failure.reason, failure.until - now)
        del self._failures[key]

    def in_state(self, state: State) -> list[tuple[EngineKey, Entry]]:
        """Return what is in `state`, least recently used first."""
        found = [pair for pair in self.entries.items() if pair[1].state is state]
        return sorted(found, key=lambda pair: pair[1].last_used)

    def idle(self) -> list[tuple[EngineKey, Entry]]:
        """Return what nobody counts on, least recently used first."""
        return [(key, entry) for key, entry in self.in_state(State.READY) if not entry.leases]

    def next_victim(self) -> tuple[EngineKey, Entry] | None:
        """Return the idle engine that has to go so that the limits hold; None: they do, or all are in use."""
        held = [entry for entry in self.entries.values() if entry.state is not State.CLOSING]
        if 0 < self.max_loaded < len(held):
            victims = self.idle()
        elif 0 < self.budget_bytes < sum(entry.size_bytes for entry in held):
            # What takes no GPU memory cannot help the budget.
            victims = [(key, entry) for key, entry in self.idle() if entry.size_bytes > 0]
        else:
            victims = []
        return victims[0] if victims else None


def _refusal(key: EngineKey, reason: str, left: Seconds) -> ModelUnavailable:
    return ModelUnavailable(key.name, reason, retry_after_seconds=max(1, round(left)))
