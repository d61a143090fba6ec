import asyncio
import ctypes
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from contextvars import ContextVar
from typing import Any

import numpy as np
import pytest

from app.checkpoint import Checkpoint
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
from app.work.worker import Worker


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


async def served(worker: Worker, work: Callable[[Checkpoint], Any], client: str) -> Any:
    with worker.place(client) as place:
        return await place.run(work)


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


def test_the_value_comes_back() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            first = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            second = asyncio.create_task(served(worker, lambda checkpoint: 42, client="a"))
            await asyncio.sleep(0.05)
            gate.open.set()
            assert await first == "done"
            assert await second == 42

    run(scenario())


@pytest.mark.parametrize("error", [AudioUnreadable("x"), KeyError("k"), StopAsyncIteration()])
def test_an_exception_of_the_work_reaches_the_caller_and_the_slot_lives_on(error: Exception) -> None:
    async def scenario() -> None:
        async with started() as worker:
            with pytest.raises((type(error), RuntimeError)):
                await served(worker, failing_with(error), client="a")
            assert await served(worker, lambda checkpoint: 1, client="a") == 1
            assert worker.stats().healthy

    run(scenario())


class Unheard(BaseException):
    """Something that ordinary handlers let pass."""


def failing_with(error: BaseException) -> Callable[[Checkpoint], None]:
    def fail(checkpoint: Checkpoint) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), asyncio.CancelledError(), Unheard()]
)
def test_what_would_end_the_process_ends_its_request_alone(error: BaseException) -> None:
    """In a task, as the server runs a request: there SystemExit would end the loop and everything on it."""

    async def scenario() -> None:
        async with started() as worker:
            request = asyncio.create_task(served(worker, failing_with(error), client="a"))
            with pytest.raises(EngineFailed, match=type(error).__name__) as failure:
                await request
            assert failure.value.__cause__ is error
            assert await served(worker, lambda checkpoint: 1, client="a") == 1
            assert worker.stats().healthy

    asyncio.run(scenario())


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

            await asyncio.gather(*(served(worker, work, client=str(n)) for n in range(8)))
            assert most == 2

    run(scenario())


def test_a_full_queue_refuses_at_once_with_an_estimate() -> None:
    async def scenario() -> None:
        async with started(max_queue=2) as worker:
            gate = Gate()
            tasks = [asyncio.create_task(served(worker, gate, client="a")) for _ in range(3)]
            await eventually(lambda: worker.stats().queued == 2)
            with pytest.raises(ServiceBusy) as refusal:
                await served(worker, gate, client="a")
            assert 1 <= refusal.value.retry_after_seconds <= 60
            gate.open.set()
            await asyncio.gather(*tasks)
            assert await served(worker, gate, client="a") == "done"

    run(scenario())


@pytest.mark.parametrize(("slots", "max_queue"), [(1, 0), (2, 3)])
def test_no_more_than_the_places_are_given_however_many_ask(slots: int, max_queue: int) -> None:
    """Fifty ask for a place before they upload anything; as many get in as can be served or wait."""

    async def scenario() -> None:
        async with started(slots, max_queue) as worker:
            with ExitStack() as held:
                refused = 0
                for _ in range(50):
                    try:
                        held.enter_context(worker.place("a"))
                    except ServiceBusy:
                        refused += 1
                assert refused == 50 - slots - max_queue
            with worker.place("a"):
                pass

    run(scenario())


def test_one_place_is_one_place_for_any_number_of_clients() -> None:
    async def scenario() -> None:
        async with started(1, 0) as worker:
            with worker.place("first"):
                for number in range(50):
                    with pytest.raises(ServiceBusy), worker.place(f"client-{number}"):
                        pass

    run(scenario())


def test_a_thread_that_works_for_somebody_who_left_takes_a_place() -> None:
    async def scenario() -> None:
        async with started(1, 0) as worker:
            gate = DeafGate()
            task = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            with pytest.raises(ServiceBusy), worker.place("b"):
                pass
            gate.open.set()
            await eventually(lambda: worker.stats().running == 0)
            with worker.place("b"):
                pass

    run(scenario())


def test_a_client_that_holds_every_place_shuts_nobody_out() -> None:
    """One that holds none is let in still, and its turn comes after one of the others at most."""

    async def scenario() -> None:
        async with started(1, 3) as worker:
            gate, order = Gate(), list[str]()
            bulk = [asyncio.create_task(served(worker, gate, client="bulk"))]
            await eventually(gate.running.is_set)
            bulk += [
                asyncio.create_task(served(worker, lambda checkpoint: order.append("bulk"), client="bulk"))
                for _ in range(3)
            ]
            await eventually(lambda: worker.stats().queued == 3)
            with pytest.raises(ServiceBusy), worker.place("bulk"):
                pass
            single = served(worker, lambda checkpoint: order.append("single"), client="other")
            other = asyncio.create_task(single)
            await eventually(lambda: worker.stats().queued == 4)
            with pytest.raises(ServiceBusy), worker.place("other"):
                pass
            gate.open.set()
            await asyncio.gather(*bulk, other)
            assert order.index("single") <= 1

    run(scenario())


@pytest.mark.parametrize("ending", ["failure", "timeout", "left"])
def test_the_time_in_the_queue_is_known_whatever_became_of_the_request(ending: str) -> None:
    async def scenario() -> None:
        async with started(queue_timeout=0.08 if ending == "timeout" else 9) as worker:
            gate = Gate()
            running = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            with worker.place("a") as place:
                await asyncio.sleep(0.05)  # the upload: no time in the queue
                assert place.queue_seconds is None
                began = time.monotonic()
                waiting = asyncio.create_task(place.run(failing_with(KeyError())))
                await asyncio.sleep(0.06)
                if ending == "left":
                    waiting.cancel()
                if ending == "failure":
                    gate.open.set()
                with suppress(KeyError, QueueTimeout, asyncio.CancelledError):
                    await waiting
                assert place.queue_seconds is not None
                assert 0.05 < place.queue_seconds <= time.monotonic() - began
            gate.open.set()
            await running

    run(scenario())


def test_the_thread_knows_the_context_of_its_request() -> None:
    async def scenario() -> None:
        name: ContextVar[str] = ContextVar("name")
        name.set("mine")
        async with started() as worker:
            assert await served(worker, lambda checkpoint: name.get(), client="a") == "mine"

    run(scenario())


def test_a_queue_of_no_places_still_uses_free_slots() -> None:
    async def scenario() -> None:
        async with started(max_queue=0) as worker:
            gate = Gate()
            task = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            with pytest.raises(ServiceBusy):
                await served(worker, gate, client="a")
            gate.open.set()
            await task

    run(scenario())


def test_a_client_that_leaves_the_queue_frees_its_place_at_once() -> None:
    async def scenario() -> None:
        async with started(max_queue=1) as worker:
            gate = Gate()
            running = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            calls: list[int] = []
            queued = asyncio.create_task(served(worker, lambda checkpoint: calls.append(1), client="b"))
            await eventually(lambda: worker.stats().queued == 1)
            queued.cancel()
            with pytest.raises(asyncio.CancelledError):
                await queued
            assert worker.stats().queued == 0
            gate.open.set()
            await running
            assert not calls

    run(scenario())


def test_a_client_that_leaves_stops_its_work_at_the_next_checkpoint() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            task = asyncio.create_task(served(worker, gate, client="a"))
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
            running = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            calls: list[int] = []
            with pytest.raises(QueueTimeout):
                await served(worker, lambda checkpoint: calls.append(1), client="a")
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
                await served(worker, gate, client="a")
            await eventually(lambda: worker.stats().running == 0)
            assert isinstance(gate.stopped_by, DeadlineExceeded)

    run(scenario())


def test_work_over_its_time_is_answered_even_if_it_passes_no_checkpoint() -> None:
    async def scenario() -> None:
        async with started(request_timeout=0.05) as worker:
            gate = DeafGate()
            with pytest.raises(DeadlineExceeded):
                await served(worker, gate, client="a")
            assert worker.stats().running == 1, "the work itself goes on"
            gate.open.set()

    run(scenario())


def test_waiting_time_does_not_count_as_working_time() -> None:
    async def scenario() -> None:
        async with started(request_timeout=0.5) as worker:
            pauses = [
                served(worker, lambda checkpoint: time.sleep(0.2) or checkpoint(), client="a")
                for _ in range(3)
            ]
            await asyncio.gather(*pauses)

    run(scenario())


def test_drain_refuses_new_work_and_finishes_accepted_work() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            tasks = [asyncio.create_task(served(worker, gate, client="a")) for _ in range(3)]
            await eventually(gate.running.is_set)
            draining = asyncio.create_task(worker.drain(5))
            await asyncio.sleep(0)
            with pytest.raises(ServiceDraining):
                await served(worker, gate, client="b")
            gate.open.set()
            assert await asyncio.gather(*tasks) == ["done"] * 3
            await asyncio.wait_for(draining, 1)

    run(scenario())


def test_a_worker_that_announced_its_end_still_takes_work() -> None:
    async def scenario() -> None:
        async with started() as worker:
            worker.announce_end()
            assert worker.stats().draining
            assert await served(worker, lambda checkpoint: 42, client="a") == 42

    run(scenario())


def test_what_outlasts_the_grace_is_answered_and_stopped() -> None:
    async def scenario() -> None:
        async with started() as worker:
            gate = Gate()
            tasks = [asyncio.create_task(served(worker, gate, client="a")) for _ in range(3)]
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
        task = asyncio.create_task(served(worker, gate, client="a"))
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
            hung = asyncio.create_task(served(worker, gate, client="a"))
            await eventually(gate.running.is_set)
            waiting = asyncio.create_task(served(worker, lambda checkpoint: 1, client="b"))
            outcomes = await asyncio.wait_for(asyncio.gather(hung, waiting, return_exceptions=True), 2)
            assert isinstance(outcomes[0], EngineFailed)
            assert isinstance(outcomes[1], Unavailable)
            assert not worker.stats().healthy
            with pytest.raises(Unavailable):
                await served(worker, lambda checkpoint: 1, client="c")
            gate.open.set()
            await eventually(lambda: worker.stats().healthy)
            assert await served(worker, lambda checkpoint: 1, client="c") == 1

    run(scenario())


def test_long_work_that_passes_checkpoints_does_not_count_as_hung() -> None:
    async def scenario() -> None:
        async with started(watchdog_seconds=0.5) as worker:
            gate = Gate()
            task = asyncio.create_task(served(worker, gate, client="a"))
            await asyncio.sleep(0.8)
            assert worker.stats().healthy
            gate.open.set()
            assert (await task) == "done"

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
                *(served(worker, lambda checkpoint: 1, client="a") for _ in range(2)), return_exceptions=True
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
            await served(worker, lambda checkpoint: None, client="a")
            alive: list[weakref.ref[Any]] = []

            def work(checkpoint: Checkpoint) -> None:
                waveform = np.zeros(1000, np.int16)
                alive.append(weakref.ref(waveform))
                if ending == "failure":
                    raise AudioUnreadable(f"{len(waveform)}")
                while ending == "cancel":
                    checkpoint()
                    time.sleep(0.001)

            task = asyncio.create_task(served(worker, work, client="a"))
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
