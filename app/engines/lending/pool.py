"""Loaded engines, shared: loaded once, counted while in use, let go when idle or when room is needed."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from app.checkpoint import Checkpoint
from app.engines.lending.pool_entries import Entry, Shelf, State
from app.errors import ModelUnavailable, OutOfMemory
from app.logs import in_this_context
from app.models.loaded_model import EngineKey, Expect, Loaded, PoolEntry
from app.transcript import Seconds

logger = logging.getLogger(__name__)

E = TypeVar("E")


class Pool:
    """Lends engines by key. Every method may be called from any thread.

    Each load has a thread of its own, so that those who wait for it may leave at any time; only one is under
    way at a time, the others wait their turn. What nobody waits for any more is not loaded; a load under way
    goes on, but what it brings is kept only if it is, or ever was, of use to anybody. The watchdog does not
    see a load that hangs, for nothing tells it from a long download: those who wait for it are let go by
    their checkpoint, at REQUEST_TIMEOUT at the latest.
    """

    def __init__(
        self,
        *,
        keep_alive_seconds: Seconds = 0,
        max_loaded: int = 0,
        budgets: Mapping[str, int] | None = None,
        cool_down_seconds: Seconds = 10,
        ask_every_seconds: Seconds = 0.5,
        linger_seconds: Seconds = 2,
        release_memory: Callable[[], None] = lambda: None,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        """Build an empty pool; 0 sets no limit, and keeps idle engines for ever (`keep_alive_seconds`).

        `budgets` are the bytes for weights by device, "cuda" and "cpu"; one engine alone may take more.
        Those who wait are asked every `ask_every_seconds` whether they still do; what nobody waits for any
        more stays for `linger_seconds` after its load, lest a client that asks anew starts it again.
        `release_memory` is called after each unloading.
        """
        self._keep_alive_seconds = keep_alive_seconds
        self._linger_seconds = linger_seconds
        self._release_memory = release_memory
        self._ask_every_seconds = ask_every_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._shelf = Shelf(max_loaded, budgets or {}, cool_down_seconds)

    @contextmanager
    def lease(
        self,
        key: EngineKey,
        load: Callable[[Expect], Loaded[E]],
        checkpoint: Checkpoint,
    ) -> Iterator[E]:
        """Lend the engine of `key`, loading it first if need be; it stays loaded until the block ends.

        `checkpoint` is called again and again during the wait; what it raises ends the wait, not the load.
        `load` is given a way to say what the engine will take, so that room is made before it is loaded.

        Raises:
            ModelUnavailable: loading failed now, or failed so recently that it is not tried again yet.
            OutOfMemory: the loader found no memory for it.
        """
        entry = self._acquire(key, load, checkpoint)
        assert entry.loaded is not None
        try:
            yield entry.loaded.engine
        finally:
            self._release(entry)

    def loaded(self) -> tuple[PoolEntry, ...]:
        """Return what is loaded now, least recently used first."""
        with self._changed:
            ready = self._shelf.in_state(State.READY)
            return tuple(PoolEntry(key, entry.leases, entry.size_bytes) for key, entry in ready)

    @property
    def loading(self) -> bool:
        """Whether a load is under way or waits for its turn."""
        with self._changed:
            return bool(self._shelf.in_state(State.LOADING) or self._shelf.in_state(State.QUEUED))

    def unload_idle(self) -> tuple[EngineKey, ...]:
        """Unload every engine that nobody used for `keep_alive_seconds`; return their keys."""
        if self._keep_alive_seconds <= 0:
            return ()
        reason = "idle for MODEL_KEEP_ALIVE_SECONDS"
        return self._unload(lambda idle_seconds: idle_seconds >= self._keep_alive_seconds, reason)

    def unload_unused(self) -> tuple[EngineKey, ...]:
        """Unload every engine that is not lent at this moment; return their keys."""
        return self._unload(lambda _: True, "memory is short")

    def _acquire(self, key: EngineKey, load: Callable[[Expect], Loaded[E]], checkpoint: Checkpoint) -> Entry:
        """Return the entry of `key` once it is ready, counting the caller in."""
        while True:
            entry, asked_first = self._join(key, load)
            self._wait_for(entry, checkpoint)
            if entry.state is State.READY:
                self._shelf.used.add(key)
                return entry
            if asked_first and entry.failure is not None:
                try:
                    raise entry.failure
                finally:
                    # Its traceback holds this frame: without this they would keep each other alive.
                    del entry

    def _join(self, key: EngineKey, load: Callable[[Expect], Loaded[Any]]) -> tuple[Entry, bool]:
        """Count the caller in; return the entry, and whether it is being loaded because the caller asked."""
        with self._changed:
            entry = self._shelf.entries.get(key)
            asked_first = entry is None
            if entry is None:
                self._shelf.refuse_while_cooling_down(key, self._clock())
                name = f"load {key.kind} {key.name}"
                # First, since it may fail to start; the lock keeps it from looking before the entry is there.
                loading = in_this_context(self._load)
                threading.Thread(target=loading, args=(key, load), name=name, daemon=True).start()
                entry = self._shelf.entries[key] = Entry()
            entry.leases += 1
            return entry, asked_first

    def _wait_for(self, entry: Entry, checkpoint: Checkpoint) -> None:
        """Return once `entry` is ready or gone; what `checkpoint` raises counts the caller out again."""

        def settled() -> bool:
            return entry.state in (State.READY, State.GONE)

        while True:
            with self._changed:
                if self._changed.wait_for(settled, self._ask_every_seconds):
                    return
            try:
                checkpoint()
            except BaseException:
                self._release(entry)
                raise

    def _load(self, key: EngineKey, load: Callable[[Expect], Loaded[Any]]) -> None:
        """Load, in a thread for this alone; the entry ends ready or gone."""
        entry = self._take_turn(key)
        if entry is None:
            return
        try:
            self._make_room()
            started = time.perf_counter()
            loaded = load(partial(self._expect, entry))
        except BaseException as exc:
            self._give_up(key, exc)
            return
        with self._changed:
            self._shelf.put(key, loaded, self._clock())
            self._changed.notify_all()
        # From here on it may be unloaded at any time; this frame must not keep it in memory.
        del loaded
        seconds = time.perf_counter() - started
        logger.info("loaded %s %s on %s in %.1f s", key.kind, key.name, key.device, seconds)
        # Nobody may be waiting any more, and then nobody else would see to the limits.
        self._make_room()
        self._drop_unless_wanted(key, entry)

    def _drop_unless_wanted(self, key: EngineKey, entry: Entry) -> None:
        """Unload what was just loaded if it was never of use to anybody, nor is within a moment."""
        with self._changed:
            if not entry.leases:
                self._changed.wait_for(lambda: entry.state is not State.READY, self._linger_seconds)
            if entry.leases or key in self._shelf.used or entry.state is not State.READY:
                return
            entry.state = State.CLOSING
        self._close(key, entry, "nobody waits for it any more")

    def _take_turn(self, key: EngineKey) -> Entry | None:
        """Return the entry of `key` when it is to be loaded; None: by then nobody wants it any more."""
        with self._changed:
            entry = self._shelf.entries[key]
            self._changed.wait_for(lambda: not entry.leases or self._shelf.is_next(entry))
            if entry.leases:
                entry.state = State.LOADING
                return entry
            self._shelf.drop(key)
            self._changed.notify_all()
            return None

    def _expect(self, entry: Entry, size_bytes: int) -> None:
        """Count `entry` as `size_bytes` large from now on, and make room for it."""
        with self._changed:
            entry.size_bytes = size_bytes
        self._make_room()

    def _give_up(self, key: EngineKey, exc: BaseException) -> None:
        """Let those who wait know; remember it, unless memory lacked, which may end any moment."""
        reason = _reason_to_remember(exc)
        if reason is not None:
            shown = None if isinstance(exc, ModelUnavailable) else exc
            logger.error("%s %s is not available: %s", key.kind, key.name, reason, exc_info=shown)
        # Its frames would keep in memory what the load had read so far.
        failure = exc.with_traceback(None)
        with self._changed:
            if reason is not None:
                failure = self._shelf.remember_failure(key, reason, self._clock())
                failure.__cause__ = exc
            self._shelf.drop(key, failure)
            self._changed.notify_all()

    def _release(self, entry: Entry) -> None:
        with self._changed:
            entry.leases -= 1
            entry.last_used = self._clock()
            if entry.state is State.QUEUED:
                self._changed.notify_all()
        self._make_room()

    def _make_room(self) -> None:
        """Unload the least recently used idle engines until the limits hold or only lent ones are left."""
        while True:
            with self._changed:
                victim = self._shelf.next_victim()
                if victim is None:
                    return
                victim[1].state = State.CLOSING
            self._close(*victim, "room is needed")

    def _unload(self, condemned: Callable[[Seconds], bool], reason: str) -> tuple[EngineKey, ...]:
        with self._changed:
            now = self._clock()
            victims = [pair for pair in self._shelf.idle() if condemned(now - pair[1].last_used)]
            for _, entry in victims:
                entry.state = State.CLOSING
        for key, entry in victims:
            self._close(key, entry, reason)
        return tuple(key for key, _ in victims)

    def _close(self, key: EngineKey, entry: Entry, reason: str) -> None:
        """Close outside the lock; who wants the key meanwhile waits, so that it is never in memory twice."""
        loaded, entry.loaded = entry.loaded, None
        try:
            assert loaded is not None
            loaded.close()
        except Exception:
            logger.exception("closing %s %s failed", key.kind, key.name)
        finally:
            del loaded
            self._release_memory()
            with self._changed:
                self._shelf.drop(key)
                self._changed.notify_all()
        logger.info("unloaded %s %s from %s: %s", key.kind, key.name, key.device, reason)


def _reason_to_remember(exc: BaseException) -> str | None:
    """Return what is said of a load that ended with `exc`; None: the next may try at once."""
    if isinstance(exc, ModelUnavailable):
        return exc.reason
    if isinstance(exc, OutOfMemory) or not isinstance(exc, Exception):
        return None
    return "it failed to load; the log has the cause"
