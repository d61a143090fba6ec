import asyncio
import ctypes
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import numpy as np
import pytest

from app.errors import (
    AudioUnreadable,
    ClientLeft,
    DeadlineExceeded,
    EngineFailed,
    QueueTimeout,
    ServiceBusy,
    ServiceDraining,
    Unavailable,
)
from app.work_slot import Checkpoint
from app.worker import Worker


@asynccontextmanager
async def started(slots: int = 1, max_queue: int = 10, **settings: Any) -> AsyncIterator[Worker]:
    worker = Worker(slots, max_queue, **settings)
    await worker.start()
    try:
        yield worker
    finally:
        assert await worker.stop()


async def eventually(condition: Callable[[], bool], seconds: float = 3) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.002)


class Gate:
    """Work that runs until it is let go, and notes whether and why it was stopped."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.open = threading.Event()
        self.stopped_by: BaseException | None = None

    def __call__(self, checkpoint: Checkpoint) -> str:
        self.running.set()
        try:
            while not self.open.wait(0.002):
                checkpoint()
        except BaseException as exc:
            self.stopped_by = exc
            raise
        return "done"


class DeafGate(Gate):
    """Work that never reaches a checkpoint."""

    def __call__(self, checkpoint: Checkpoint) -> str:
        self.running.set()
        self.open.wait(10)
        return "late"


def run(scenario: Awaitable[None]) -> None:
    async def whole() -> None:
        await scenario

    asyncio.run(whole())


def test_the_value_and_the_waiting_time_come_back() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            first = asyncio.create_task(worker.run(gate, client="a"))
            await eventually(gate.running.is_set)
            second = asyncio.create_task(worker.run(lambda checkpoint: 42, client="a"))
            await asyncio.sleep(0.05)
            gate.open.set()
            assert (await first).value == "done"
            finished = await second
            assert finished.value == 42
            assert 0.04 < finished.queue_seconds < 2
            assert (await first).run_seconds >= 0.04

    run(scenario())


def test_an_exception_of_the_work_reaches_the_caller_and_the_slot_lives_on() -> None:
    async def scenario() -> None:
        async with started() as worker:
            for error in (AudioUnreadable("x"), KeyError("k"), SystemExit(3), StopAsyncIteration()):

                def fail(checkpoint: Checkpoint, error: BaseException = error) -> None:
                    raise error

                with pytest.raises((type(error), RuntimeError)):
                    await worker.run(fail, client="a")
            assert (await worker.run(lambda checkpoint: 1, client="a")).value == 1
            assert worker.stats().healthy

    run(scenario())


def test_no_more_than_the_slots_run_at_once() -> None:
    async def scenario() -> None:
        async with started(slots=2) as worker:
            active, most = 0, 0
            lock = threading.Lock()

            def work(checkpoint: Checkpoint) -> None:
                nonlocal active, most
                with lock:
                    active += 1
                    most = max(most, active)
                time.sleep(0.01)
                with lock:
                    active -= 1

            await asyncio.gather(*(worker.run(work, client=str(n)) for n in range(8)))
            assert most == 2

    run(scenario())


def test_a_full_queue_refuses_at_once_with_an_estimate() -> None:
    async def scenario() -> None:
        async with started(max_queue=2) as worker:
            gate = Gate()
            tasks = [asyncio.create_task(worker.run(gate, client="a")) for _ in range(3)]
            await eventually(lambda: worker.stats().queued == 2)
            began = time.perf_counter()
            with pytest.raises(ServiceBusy) as refusal:
                await worker.run(gate, client="b")
            assert time.perf_counter() - began < 0.1
            assert 1 <= refusal.value.retry_after_seconds <= 60
            with pytest.raises(ServiceBusy):
                worker.check_open()
            gate.open.set()
            await asyncio.gather(*tasks)
            worker.check_open()

    run(scenario())


def test_a_queue_of_no_places_still_uses_free_slots() -> None:
    async def scenario() -> None:
        async with started(max_queue=0) as worker:
            gate = Gate()
            task = asyncio.create_task(worker.run(gate, client="a"))
            await eventually(gate.running.is_set)
            with pytest.raises(ServiceBusy):
                await worker.run(gate, client="a")
            gate.open.set()
            await task

    run(scenario())


def test_a_client_that_leaves_the_queue_frees_its_place_at_once() -> None:
    async def scenario() -> None:
        async with started(max_queue=1) as worker:
            gate = Gate()
            running = asyncio.create_task(worker.run(gate, client="a"))
            await eventually(gate.running.is_set)
            calls: list[int] = []
            queued = asyncio.create_task(worker.run(lambda checkpoint: calls.append(1), client="b"))
            await eventually(lambda: worker.stats().queued == 1)
            queued.cancel()
            with pytest.raises(asyncio.CancelledError):
                await queued
            assert worker.stats().queued == 0
            gate.open.set()
            await running
            assert not calls
            assert worker.stats().cancelled_total == 1

    run(scenario())


def test_a_client_that_leaves_stops_its_work_at_the_next_checkpoint() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            task = asyncio.create_task(worker.run(gate, client="a"))
            await eventually(gate.running.is_set)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await eventually(lambda: worker.stats().running == 0)
            assert isinstance(gate.stopped_by, ClientLeft)

    run(scenario())


def test_waiting_too_long_ends_with_a_refusal_and_the_work_never_runs() -> None:
    async def scenario() -> None:
        async with started(queue_timeout=0.05) as worker:
            gate = Gate()
            running = asyncio.create_task(worker.run(gate, client="a"))
            await eventually(gate.running.is_set)
            calls: list[int] = []
            with pytest.raises(QueueTimeout):
                await worker.run(lambda checkpoint: calls.append(1), client="a")
            assert worker.stats().queued == 0
            gate.open.set()
            await running
            assert not calls

    run(scenario())


def test_work_over_its_time_is_answered_and_stopped() -> None:
    async def scenario() -> None:
        async with started(request_timeout=0.05) as worker:
            gate = Gate()
            with pytest.raises(DeadlineExceeded):
                await worker.run(gate, client="a")
            await eventually(lambda: worker.stats().running == 0)
            assert isinstance(gate.stopped_by, DeadlineExceeded)

    run(scenario())


def test_work_over_its_time_is_answered_even_if_it_passes_no_checkpoint() -> None:
    async def scenario() -> None:
        async with started(request_timeout=0.05) as worker:
            gate = DeafGate()
            began = time.perf_counter()
            with pytest.raises(DeadlineExceeded):
                await worker.run(gate, client="a")
            assert time.perf_counter() - began < 1
            gate.open.set()

    run(scenario())


def test_waiting_time_does_not_count_as_working_time() -> None:
    async def scenario() -> None:
        async with started(request_timeout=0.2) as worker:
            pauses = [
                worker.run(lambda checkpoint: time.sleep(0.12) or checkpoint(), client="a") for _ in range(3)
            ]
            await asyncio.gather(*pauses)

    run(scenario())


def test_drain_refuses_new_work_and_finishes_accepted_work() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            tasks = [asyncio.create_task(worker.run(gate, client="a")) for _ in range(3)]
            await eventually(gate.running.is_set)
            draining = asyncio.create_task(worker.drain(5))
            await asyncio.sleep(0)
            with pytest.raises(ServiceDraining):
                await worker.run(gate, client="b")
            with pytest.raises(ServiceDraining):
                worker.check_open()
            gate.open.set()
            assert [finished.value for finished in await asyncio.gather(*tasks)] == ["done"] * 3
            await asyncio.wait_for(draining, 1)

    run(scenario())


def test_what_outlasts_the_grace_is_answered_and_stopped() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            tasks = [asyncio.create_task(worker.run(gate, client="a")) for _ in range(3)]
            await eventually(gate.running.is_set)
            await worker.drain(0.05)
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            assert [type(outcome) for outcome in outcomes] == [ServiceDraining] * 3
            await eventually(lambda: worker.stats().running == 0)
            assert isinstance(gate.stopped_by, ServiceDraining)

    run(scenario())


def test_draining_an_idle_worker_takes_no_time() -> None:
    async def scenario() -> None:
        async with started() as worker:
            await asyncio.wait_for(worker.drain(60), 0.5)

    run(scenario())


def test_a_thread_stuck_in_its_work_is_reported_when_stopping() -> None:
    async def scenario() -> None:
        worker = Worker(1, 1)
        await worker.start()
        gate = DeafGate()
        task = asyncio.create_task(worker.run(gate, client="a"))
        await eventually(gate.running.is_set)
        assert not await worker.stop(patience=0.05)
        with pytest.raises(ServiceDraining):
            await task
        gate.open.set()

    run(scenario())


def test_hung_work_is_seen_and_everybody_who_waits_gets_an_answer() -> None:
    async def scenario() -> None:
        async with started(watchdog_seconds=0.08) as worker:
            gate = DeafGate()
            hung = asyncio.create_task(worker.run(gate, client="a"))
            await eventually(gate.running.is_set)
            waiting = asyncio.create_task(worker.run(lambda checkpoint: 1, client="b"))
            outcomes = await asyncio.wait_for(asyncio.gather(hung, waiting, return_exceptions=True), 2)
            assert isinstance(outcomes[0], EngineFailed)
            assert isinstance(outcomes[1], Unavailable)
            assert not worker.stats().healthy
            with pytest.raises(Unavailable):
                await worker.run(lambda checkpoint: 1, client="c")
            gate.open.set()
            await eventually(lambda: worker.stats().healthy)
            assert (await worker.run(lambda checkpoint: 1, client="c")).value == 1

    run(scenario())


def test_long_work_that_passes_checkpoints_does_not_count_as_hung() -> None:
    async def scenario() -> None:
        async with started(watchdog_seconds=0.08) as worker:
            gate = Gate()
            task = asyncio.create_task(worker.run(gate, client="a"))
            await asyncio.sleep(0.3)
            assert worker.stats().healthy
            gate.open.set()
            assert (await task).value == "done"

    run(scenario())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_thread_is_seen_and_its_client_gets_an_answer() -> None:
    """The thread is killed for real: SystemExit is injected while it waits for work."""

    async def scenario() -> None:
        worker = Worker(1, 5, watchdog_seconds=0.2)
        await worker.start()
        victim = next(thread for thread in threading.enumerate() if thread.name == "slot-0")
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(victim.ident or 0), ctypes.py_object(SystemExit)
        )
        outcomes = await asyncio.wait_for(
            asyncio.gather(
                *(worker.run(lambda checkpoint: 1, client="a") for _ in range(2)), return_exceptions=True
            ),
            3,
        )
        assert isinstance(outcomes[0], EngineFailed)
        assert isinstance(outcomes[1], Unavailable)
        assert worker.stats().dead == 1
        assert not worker.stats().healthy
        await worker.stop()

    run(scenario())


@pytest.mark.parametrize("ending", ["success", "failure", "cancel"])
def test_nothing_of_a_request_stays_in_memory_once_it_is_over(ending: str) -> None:
    """Samples are freed by reference counting alone, not some time later by the garbage collector."""

    async def scenario() -> None:
        async with started() as worker:
            await worker.run(lambda checkpoint: None, client="a")
            alive: list[weakref.ref[Any]] = []

            def work(checkpoint: Checkpoint) -> None:
                waveform = np.zeros(1000, np.int16)
                alive.append(weakref.ref(waveform))
                if ending == "failure":
                    raise AudioUnreadable(f"{len(waveform)}")
                while ending == "cancel":
                    checkpoint()
                    time.sleep(0.001)

            task = asyncio.create_task(worker.run(work, client="a"))
            await eventually(lambda: bool(alive))
            if ending == "cancel":
                task.cancel()
            with suppress(AudioUnreadable, asyncio.CancelledError):
                await task
            del task
            await eventually(lambda: worker.stats().running == 0)
            await asyncio.sleep(0.02)
            assert alive[0]() is None

    gc.collect()
    gc.disable()
    try:
        run(scenario())
    finally:
        gc.enable()
