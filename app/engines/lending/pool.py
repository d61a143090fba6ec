"""Loaded engines, shared: loaded once, counted while in use, let go when idle or when room is needed."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from app.checkpoint import Checkpoint
from app.engines.lending.pool_state import PoolSlot, PoolState, SlotState
from app.errors import ModelUnavailable, OutOfMemory
from app.logs import with_current_context
from app.models.loaded_model import Expect, LoadedEngine, ModelKey, ModelStatus
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

    No frame that may wait or raise names an engine or a failure: what is unloaded or has failed must be gone
    from memory at once, not when the garbage collector comes.
    """

    def __init__(
        self,
        *,
        keep_alive_seconds: Seconds = 0,
        kept_sources: Collection[str] = (),
        max_loaded: int = 0,
        budgets: Mapping[str, int] | None = None,
        cool_down_seconds: Seconds = 10,
        ask_every_seconds: Seconds = 0.5,
        linger_seconds: Seconds = 2,
        release_memory: Callable[[], None] = lambda: None,
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        """Build an empty pool; 0 sets no limit, and keeps idle engines for ever (`keep_alive_seconds`).

        What comes from `kept_sources` is never idle too long: it goes only where room is needed.
        `budgets` are the bytes for weights by device, "cuda" and "cpu"; one engine alone may take more.
        Those who wait are asked every `ask_every_seconds` whether they still do; what nobody waits for any
        more stays for `linger_seconds` after its load, lest a client that asks anew starts it again.
        `release_memory` is called after each unloading.
        """
        self._keep_alive_seconds = keep_alive_seconds
        self._kept_sources = kept_sources
        self._linger_seconds = linger_seconds
        self._release_memory = release_memory
        self._ask_every_seconds = ask_every_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._state = PoolState(max_loaded, budgets or {}, cool_down_seconds)
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to look every few seconds for engines that are idle, unless they are kept for ever."""
        if self._keep_alive_seconds > 0:
            unload = self._unload_idle_until_stopped
            threading.Thread(target=unload, name="idle-unloader", daemon=True).start()

    def stop(self) -> None:
        """Look no more; an unloading that is under way ends by itself."""
        self._stopped.set()

    @contextmanager
    def lease(
        self, key: ModelKey, load: Callable[[Expect], LoadedEngine[E]], checkpoint: Checkpoint
    ) -> Iterator[E]:
        """Lend the engine of `key`, loading it first if need be; it stays loaded until the block ends.

        `checkpoint` is called again and again during the wait; what it raises ends the wait, not the load.
        `load` is given a way to say what the engine will take, so that room is made before it is loaded.

        Raises:
            ModelUnavailable: loading failed now, or failed so recently that it is not tried again yet.
            OutOfMemory: the loader found no memory for it.
        """
        slot = self._acquire(key, load, checkpoint)
        assert slot.loaded is not None
        try:
            yield slot.loaded.engine
        finally:
            self._release(slot)

    def loaded(self) -> tuple[ModelStatus, ...]:
        """Return what is loaded now, least recently used first."""
        with self._changed:
            ready = self._state.in_state(SlotState.READY)
            return tuple(ModelStatus(slot.key, slot.leases, slot.size_bytes) for slot in ready)

    @property
    def loading(self) -> bool:
        """Whether a load is under way or waits for its turn."""
        with self._changed:
            return bool(self._state.in_state(SlotState.QUEUED, SlotState.LOADING))

    def unload_idle(self) -> tuple[ModelKey, ...]:
        """Unload every engine that nobody used for `keep_alive_seconds`; return their keys."""
        if self._keep_alive_seconds <= 0:
            return ()
        return self._unload(self._long_idle, "idle for MODEL_KEEP_ALIVE_SECONDS")

    def unload_unused(self) -> tuple[ModelKey, ...]:
        """Unload every engine that is not lent at this moment; return their keys."""
        return self._unload(self._state.idle, "memory is short")

    def _unload_idle_until_stopped(self) -> None:
        while not self._stopped.wait(min(30.0, max(0.5, self._keep_alive_seconds / 4))):
            self.unload_idle()

    def _long_idle(self) -> list[PoolSlot]:
        latest = self._clock() - self._keep_alive_seconds
        idle = [slot for slot in self._state.idle() if slot.last_used <= latest]
        return [slot for slot in idle if slot.key.source not in self._kept_sources]

    def _acquire(
        self, key: ModelKey, load: Callable[[Expect], LoadedEngine[E]], checkpoint: Checkpoint
    ) -> PoolSlot:
        """Return the slot of `key` once it is ready, counting the caller in."""
        while True:
            slot, asked_first = self._join(key, load)
            self._wait_for(slot, checkpoint)
            if slot.state is SlotState.READY:
                self._state.ever_lent.add(key)
                return slot
            if asked_first and slot.failure is not None:
                raise slot.take_failure()

    def _join(self, key: ModelKey, load: Callable[[Expect], LoadedEngine[Any]]) -> tuple[PoolSlot, bool]:
        """Count the caller in; return the slot, and whether it is being loaded because the caller asked."""
        with self._changed:
            slot = self._state.slots.get(key)
            asked_first = slot is None
            if slot is None:
                self._state.refuse_while_cooling_down(key, self._clock())
                slot = PoolSlot(key)
                # First, since it may fail to start; the lock keeps it from looking before the slot is there.
                loading = with_current_context(self._load)
                threading.Thread(target=loading, args=(slot, load), name=f"load {key}", daemon=True).start()
                self._state.slots[key] = slot
            slot.leases += 1
            return slot, asked_first

    def _wait_for(self, slot: PoolSlot, checkpoint: Checkpoint) -> None:
        """Return once `slot` is ready or gone; what `checkpoint` raises counts the caller out again."""
        while True:
            with self._changed:
                if self._changed.wait_for(slot.settled, self._ask_every_seconds):
                    return
            try:
                checkpoint()
            except BaseException:
                self._release(slot)
                raise

    def _release(self, slot: PoolSlot) -> None:
        with self._changed:
            slot.leases -= 1
            slot.last_used = self._clock()
            if slot.state is SlotState.QUEUED:
                self._changed.notify_all()
        self._make_room()

    def _load(self, slot: PoolSlot, load: Callable[[Expect], LoadedEngine[Any]]) -> None:
        """Load, in a thread for this alone; the slot ends ready or gone."""
        if not self._take_turn(slot):
            return
        try:
            self._make_room()
            self._fill(slot, load)
        except BaseException as exc:
            self._give_up(slot, exc)
            return
        # Nobody may be waiting any more, and then nobody else would see to the limits.
        self._make_room()
        self._unload_unless_wanted(slot)

    def _take_turn(self, slot: PoolSlot) -> bool:
        """Return when `slot` is to be loaded; False: by then nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: not slot.leases or self._state.is_next(slot))
            if slot.leases:
                slot.state = SlotState.LOADING
                return True
            self._drop(slot)
            return False

    def _fill(self, slot: PoolSlot, load: Callable[[Expect], LoadedEngine[Any]]) -> None:
        started = time.perf_counter()
        loaded = load(partial(self._expect, slot))
        seconds = time.perf_counter() - started
        logger.info("loaded %s on %s in %.1f s", slot.key, slot.key.device, seconds)
        with self._changed:
            slot.loaded, slot.size_bytes = loaded, loaded.size_bytes
            slot.state, slot.last_used = SlotState.READY, self._clock()
            self._changed.notify_all()

    def _expect(self, slot: PoolSlot, size_bytes: int) -> None:
        """Count `slot` as `size_bytes` large from now on, and make room for it."""
        with self._changed:
            slot.size_bytes = size_bytes
        self._make_room()

    def _give_up(self, slot: PoolSlot, exc: BaseException) -> None:
        """Let those who wait know; refuse it for a while, unless memory lacked, which may end any moment."""
        reason = _reason_to_refuse(exc)
        if reason is not None:
            shown = None if isinstance(exc, ModelUnavailable) else exc
            logger.error("%s is not available: %s", slot.key, reason, exc_info=shown)
        with self._changed:
            if reason is None:
                # Its frames would keep in memory what the load had read so far.
                slot.failure = exc.with_traceback(None)
            else:
                until = self._clock() + self._state.cool_down_seconds
                self._state.failures[slot.key] = (reason, until)
            self._drop(slot)

    def _unload_unless_wanted(self, slot: PoolSlot) -> None:
        """Unload what was just loaded if it was never of use to anybody, nor is within a moment."""
        with self._changed:
            if not slot.leases:
                self._changed.wait_for(lambda: slot.state is not SlotState.READY, self._linger_seconds)
        self._unload(partial(self._state.never_wanted, slot), "nobody waits for it any more")

    def _make_room(self) -> None:
        """Unload the least recently used idle engines until the limits hold or only lent ones are left."""
        while self._unload(self._state.surplus, "room is needed"):
            pass

    def _unload(self, choose: Callable[[], Sequence[PoolSlot]], reason: str) -> tuple[ModelKey, ...]:
        """Unload what `choose`, called under the lock, returns; return the keys."""
        with self._changed:
            chosen = choose()
            for slot in chosen:
                slot.state = SlotState.CLOSING
        for slot in chosen:
            self._close(slot, reason)
        return tuple(slot.key for slot in chosen)

    def _close(self, slot: PoolSlot, reason: str) -> None:
        """Close outside the lock; who wants the key meanwhile waits, so that it is never in memory twice."""
        try:
            slot.take_engine().close()
        except Exception:
            logger.exception("closing %s failed", slot.key)
        finally:
            self._release_memory()
            with self._changed:
                self._drop(slot)
        logger.info("unloaded %s from %s: %s", slot.key, slot.key.device, reason)

    def _drop(self, slot: PoolSlot) -> None:
        """Forget `slot`; called under the lock."""
        del self._state.slots[slot.key]
        slot.state = SlotState.GONE
        self._changed.notify_all()


def _reason_to_refuse(exc: BaseException) -> str | None:
    """Return what is said of a load that ended with `exc`; None: the next may try at once."""
    if isinstance(exc, ModelUnavailable):
        return exc.reason
    if isinstance(exc, OutOfMemory) or not isinstance(exc, Exception):
        return None
    return "it failed to load; the log has the cause"
