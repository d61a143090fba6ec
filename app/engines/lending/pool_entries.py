"""The pool's books: what is loaded or about to be, who counts on it, and what failed to load lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from app.errors import ModelUnavailable
from app.models.loaded_model import EngineKey, Loaded
from app.transcript import Seconds


class State(Enum):
    """Where an engine is on its way; GONE: it was closed, or could not be loaded."""

    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    CLOSING = "closing"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class Entry:
    """One engine, from the moment somebody asks for it until it is closed."""

    state: State = State.QUEUED
    size_bytes: int = 0
    """What its weights take, or are about to take."""
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
    budgets: Mapping[str, int]
    """Bytes for the weights on each device; 0 or absent: no limit."""
    cool_down_seconds: Seconds
    entries: dict[EngineKey, Entry] = field(default_factory=dict)
    used: set[EngineKey] = field(default_factory=set)
    """What was ever lent; so it is wanted, though perhaps by nobody at this moment."""
    _failures: dict[EngineKey, _Failure] = field(default_factory=dict)

    def is_next(self, entry: Entry) -> bool:
        """Return whether `entry` is to be loaded now: one at a time, who was asked for first comes first."""
        coming = [other for other in self.entries.values() if other.state in (State.QUEUED, State.LOADING)]
        busy = any(other.state is State.LOADING for other in coming)
        return not busy and coming[0] is entry

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
        held = [
            (key, entry) for key, entry in self.entries.items() if entry.state in (State.LOADING, State.READY)
        ]
        if 0 < self.max_loaded < len(held):
            victims = self.idle()
        else:
            cramped = {device for device in self.budgets if self._is_cramped(device, held)}
            victims = [
                (key, entry) for key, entry in self.idle() if key.device in cramped and entry.size_bytes > 0
            ]
        return victims[0] if victims else None

    def _is_cramped(self, device: str, held: Sequence[tuple[EngineKey, Entry]]) -> bool:
        """Return whether several engines take more than the budget; one alone may, or it could never run."""
        sizes = [entry.size_bytes for key, entry in held if key.device == device and entry.size_bytes > 0]
        return len(sizes) > 1 and 0 < self.budgets[device] < sum(sizes)


def _refusal(key: EngineKey, reason: str, left: Seconds) -> ModelUnavailable:
    return ModelUnavailable(key.name, reason, retry_after_seconds=max(1, round(left)))
