"""What the pool holds: engines loaded or about to be, who counts on them, and what failed to load lately."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from app.errors import ModelUnavailable
from app.models.loaded_model import LoadedEngine, ModelKey
from app.transcript import Seconds


class SlotState(Enum):
    """Where an engine is on its way; GONE: it was closed, or could not be loaded."""

    QUEUED = "queued"
    LOADING = "loading"
    READY = "ready"
    CLOSING = "closing"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class PoolSlot:
    """One engine, from the moment somebody asks for it until it is closed."""

    key: ModelKey
    state: SlotState = SlotState.QUEUED
    size_bytes: int = 0
    """What its weights take, or are about to take."""
    loaded: LoadedEngine[Any] | None = None
    leases: int = 0
    """Those who use it or wait for it; so none of them can lose it again before taking it up."""
    last_used: Seconds = 0.0
    failure: BaseException | None = None
    """Why it could not be loaded, for the one who asked for it first; None: that is remembered for all."""

    def settled(self) -> bool:
        """Return whether there is nothing left to wait for."""
        return self.state in (SlotState.READY, SlotState.GONE)

    def take_engine(self) -> LoadedEngine[Any]:
        """Return the engine, which the slot holds no longer."""
        loaded, self.loaded = self.loaded, None
        assert loaded is not None
        return loaded

    def take_failure(self) -> BaseException:
        """Return why it could not be loaded; the slot, which its traceback holds, forgets it."""
        failure, self.failure = self.failure, None
        assert failure is not None
        return failure


@dataclass(slots=True)
class PoolState:
    """Every method is called under the pool's lock."""

    max_loaded: int
    budgets: Mapping[str, int]
    """Bytes for the weights on each device; 0 or absent: no limit."""
    cool_down_seconds: Seconds
    slots: dict[ModelKey, PoolSlot] = field(default_factory=dict)
    ever_lent: set[ModelKey] = field(default_factory=set)
    """What was of use to somebody; so it is wanted, though perhaps by nobody at this moment."""
    failures: dict[ModelKey, tuple[str, Seconds]] = field(default_factory=dict)
    """Why each could not be loaded, and until when it is not tried again."""

    def is_next(self, slot: PoolSlot) -> bool:
        """Return whether `slot` is to be loaded now: one at a time, who was asked for first comes first."""
        coming = (SlotState.QUEUED, SlotState.LOADING)
        return next(other for other in self.slots.values() if other.state in coming) is slot

    def refuse_while_cooling_down(self, key: ModelKey, now: Seconds) -> None:
        """Return if `key` may be loaded.

        Raises:
            ModelUnavailable: it failed so recently that it is not tried again yet.
        """
        reason, until = self.failures.get(key, ("", now))
        if until > now:
            raise ModelUnavailable(key.name, reason, retry_after_seconds=max(1, round(until - now)))

    def in_state(self, *states: SlotState) -> list[PoolSlot]:
        """Return what is in one of `states`, least recently used first."""
        found = [slot for slot in self.slots.values() if slot.state in states]
        return sorted(found, key=lambda slot: slot.last_used)

    def idle(self) -> list[PoolSlot]:
        """Return what nobody counts on, least recently used first."""
        return [slot for slot in self.in_state(SlotState.READY) if not slot.leases]

    def never_wanted(self, slot: PoolSlot) -> list[PoolSlot]:
        """Return `slot`, just loaded, alone; nothing if somebody uses it, waits for it or ever used it."""
        of_use = slot.leases or slot.key in self.ever_lent or slot.state is not SlotState.READY
        return [] if of_use else [slot]

    def surplus(self) -> list[PoolSlot]:
        """Return the idle engine that goes next so that the limits hold; none: they do, or all are in use."""
        held = self.in_state(SlotState.LOADING, SlotState.READY)
        if 0 < self.max_loaded < len(held):
            return self.idle()[:1]
        cramped = {device for device in self.budgets if self._is_cramped(device, held)}
        return [slot for slot in self.idle() if slot.key.device in cramped and slot.size_bytes > 0][:1]

    def _is_cramped(self, device: str, held: Sequence[PoolSlot]) -> bool:
        """Return whether several engines take more than the budget; one alone may, or it could never run."""
        sizes = [slot.size_bytes for slot in held if slot.key.device == device and slot.size_bytes > 0]
        return len(sizes) > 1 and 0 < self.budgets[device] < sum(sizes)
