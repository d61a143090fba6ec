"""Loaded engines, shared: loaded once, counted while in use, let go when idle or when room is needed."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar

from app.engines.leasing import EngineKey, Loaded, PoolEntry
from app.errors import ModelUnavailable, OutOfMemory
from app.transcript import Seconds

logger = logging.getLogger(__name__)

E = TypeVar("E")


class _State(Enum):
    LOADING = "loading"
    READY = "ready"
    CLOSING = "closing"


@dataclass(slots=True)
class _Entry:
    state: _State = _State.LOADING
    loaded: Loaded[Any] | None = None
    leases: int = 0
    last_used: Seconds = 0.0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    until: Seconds


@dataclass(slots=True)
class _Shelf:
    """The pool's books; touched only under the pool's lock."""

    entries: dict[EngineKey, _Entry] = field(default_factory=dict)
    failures: dict[EngineKey, _Failure] = field(default_factory=dict)


class Pool:
    """Lends engines by key. Every method may be called from any thread."""

    def __init__(
        self,
        *,
        keep_alive_seconds: Seconds = 0,
        max_loaded: int = 0,
        budget_bytes: int = 0,
        cool_down_seconds: Seconds = 10,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        """Build an empty pool; 0 sets no limit, and keeps idle engines for ever (`keep_alive_seconds`)."""
        self._keep_alive_seconds = keep_alive_seconds
        self._max_loaded = max_loaded
        self._budget_bytes = budget_bytes
        self._cool_down_seconds = cool_down_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._shelf = _Shelf()

    @contextmanager
    def lease(self, key: EngineKey, load: Callable[[], Loaded[E]], *, expected_bytes: int = 0) -> Iterator[E]:
        """Lend the engine of `key`, loading it first if need be; it stays loaded until the block ends.

        `expected_bytes` is what the engine will take, so that room is made before it is loaded.

        Raises:
            ModelUnavailable: loading failed now, or failed so recently that it is not tried again yet.
            OutOfMemory: the loader found no memory for it.
        """
        engine = self._acquire(key, load, expected_bytes)
        try:
            yield engine
        finally:
            self._release(key)

    def loaded(self) -> tuple[PoolEntry, ...]:
        """Return what is loaded now, least recently used first."""
        with self._changed:
            ready = [
                (key, entry) for key, entry in self._shelf.entries.items() if entry.state is _State.READY
            ]
            ready.sort(key=lambda pair: pair[1].last_used)
            return tuple(PoolEntry(key, entry.leases, entry.size_bytes) for key, entry in ready)

    @property
    def in_use(self) -> bool:
        """Whether any engine is lent at the moment."""
        with self._changed:
            return any(entry.leases for entry in self._shelf.entries.values())

    def unload_idle(self) -> tuple[EngineKey, ...]:
        """Unload every engine that nobody used for `keep_alive_seconds`; return their keys."""
        if self._keep_alive_seconds <= 0:
            return ()
        return self._unload(lambda idle_seconds: idle_seconds >= self._keep_alive_seconds)

    def unload_unused(self) -> tuple[EngineKey, ...]:
        """Unload every engine that is not lent at this moment; return their keys."""
        return self._unload(lambda _: True)

    def forget_failure(self, key: EngineKey) -> None:
        """Let the next lease of `key` try to load again at once."""
        with self._changed:
            self._shelf.failures.pop(key, None)

    def _acquire(self, key: EngineKey, load: Callable[[], Loaded[E]], expected_bytes: int) -> E:
        with self._changed:
            while (entry := self._shelf.entries.get(key)) is not None:
                if entry.state is _State.READY:
                    assert entry.loaded is not None
                    entry.leases += 1
                    engine: E = entry.loaded.engine
                    return engine
                self._changed.wait()
            self._refuse_while_cooling_down(key)
            entry = self._shelf.entries[key] = _Entry(size_bytes=expected_bytes)
        return self._load(key, entry, load)

    def _load(self, key: EngineKey, entry: _Entry, load: Callable[[], Loaded[E]]) -> E:
        """Load outside the lock; others who want the same key wait until the entry is ready or gone."""
        try:
            self._make_room()
            started = time.perf_counter()
            loaded = load()
        except BaseException as exc:
            failure = self._record_failure(key, exc)
            if failure is exc:
                raise
            raise failure from exc
        with self._changed:
            entry.loaded, entry.size_bytes = loaded, loaded.size_bytes
            entry.state, entry.leases, entry.last_used = _State.READY, 1, self._clock()
            self._shelf.failures.pop(key, None)
            self._changed.notify_all()
        logger.info(
            "loaded %s %s on %s in %.1f s", key.kind, key.name, key.device, time.perf_counter() - started
        )
        return loaded.engine

    def _record_failure(self, key: EngineKey, exc: BaseException) -> BaseException:
        """Return what the caller shall raise; remember it, unless memory lacked, which may end any moment."""
        with self._changed:
            del self._shelf.entries[key]
            self._changed.notify_all()
            if isinstance(exc, OutOfMemory) or not isinstance(exc, Exception):
                return exc
            reason = (
                exc.reason
                if isinstance(exc, ModelUnavailable)
                else "it failed to load; the log has the cause"
            )
            self._shelf.failures[key] = _Failure(reason, self._clock() + self._cool_down_seconds)
        shown = None if isinstance(exc, ModelUnavailable) else exc
        logger.error("%s %s is not available: %s", key.kind, key.name, reason, exc_info=shown)
        return ModelUnavailable(key.name, reason, retry_after_seconds=max(1, round(self._cool_down_seconds)))

    def _refuse_while_cooling_down(self, key: EngineKey) -> None:
        failure = self._shelf.failures.get(key)
        if failure is None:
            return
        left = failure.until - self._clock()
        if left > 0:
            raise ModelUnavailable(key.name, failure.reason, retry_after_seconds=max(1, round(left)))
        del self._shelf.failures[key]

    def _release(self, key: EngineKey) -> None:
        with self._changed:
            entry = self._shelf.entries[key]
            entry.leases -= 1
            entry.last_used = self._clock()
        self._make_room()

    def _make_room(self) -> None:
        """Unload the least recently used idle engines until the limits hold or only lent ones are left."""
        while (victim := self._take_victim()) is not None:
            self._close(*victim)

    def _take_victim(self) -> tuple[EngineKey, _Entry] | None:
        with self._changed:
            held = [entry for entry in self._shelf.entries.values() if entry.state is not _State.CLOSING]
            over_count = self._max_loaded > 0 and len(held) > self._max_loaded
            over_budget = (
                self._budget_bytes > 0 and sum(entry.size_bytes for entry in held) > self._budget_bytes
            )
            idle = self._idle_entries()
            if not over_count:
                # What takes no GPU memory cannot help the budget.
                idle = [(key, entry) for key, entry in idle if entry.size_bytes > 0]
            if not idle or not (over_count or over_budget):
                return None
            key, entry = min(idle, key=lambda pair: pair[1].last_used)
            entry.state = _State.CLOSING
            return key, entry

    def _unload(self, condemned: Callable[[Seconds], bool]) -> tuple[EngineKey, ...]:
        with self._changed:
            now = self._clock()
            victims = [
                (key, entry) for key, entry in self._idle_entries() if condemned(now - entry.last_used)
            ]
            for _, entry in victims:
                entry.state = _State.CLOSING
        for key, entry in victims:
            self._close(key, entry)
        return tuple(key for key, _ in victims)

    def _idle_entries(self) -> list[tuple[EngineKey, _Entry]]:
        return [
            (key, entry)
            for key, entry in self._shelf.entries.items()
            if entry.state is _State.READY and entry.leases == 0
        ]

    def _close(self, key: EngineKey, entry: _Entry) -> None:
        """Close outside the lock; who wants the key meanwhile waits, so that it is never in memory twice."""
        loaded, entry.loaded = entry.loaded, None
        try:
            assert loaded is not None
            loaded.close()
        except Exception:
            logger.exception("closing %s %s failed", key.kind, key.name)
        finally:
            del loaded
            with self._changed:
                del self._shelf.entries[key]
                self._changed.notify_all()
        logger.info("unloaded %s %s from %s", key.kind, key.name, key.device)
