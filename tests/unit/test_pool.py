"""Engines shared by many: loaded once, never closed while lent, let go when idle or in the way."""

import gc
import logging
import random
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from app.engines.lending.pool import Pool
from app.errors import ClientLeft, ModelUnavailable, OutOfMemory
from app.models.loaded_model import Expect, LoadedEngine, ModelKey
from app.stage import Stage


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Toy:
    """Stands for an engine, which cannot be loaded a thousand times in a test; knows when it is misused."""

    closed: bool = False
    users: int = 0


@dataclass
class Factory:
    """Loads toys and counts them."""

    size_bytes: int = 0
    delay: threading.Event | None = None
    failure: Exception | None = None
    loads: int = 0
    alive: int = 0
    most_alive: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, expect: Expect = lambda _: None) -> LoadedEngine[Toy]:
        with self.lock:
            self.loads += 1
        if self.delay is not None:
            self.delay.wait(5)
        if self.failure is not None:
            raise self.failure
        expect(self.size_bytes)
        toy = Toy()
        with self.lock:
            self.alive += 1
            self.most_alive = max(self.most_alive, self.alive)

        def close() -> None:
            with self.lock:
                assert toy.users == 0, "closed while in use"
                assert not toy.closed, "closed twice"
                toy.closed = True
                self.alive -= 1

        return LoadedEngine(toy, close, self.size_bytes)


def key(name: str, device: str = "cuda") -> ModelKey:
    return ModelKey(Stage.TRANSCRIBE, name, f"owner/{name}", device)


def stay() -> None:
    """The checkpoint of those who wait as long as it takes."""


def leave() -> None:
    raise ClientLeft


def abandon(pool: Pool, name: str, load: Callable[[Expect], LoadedEngine[Toy]]) -> None:
    """Ask for an engine and leave at once, perhaps before anybody has begun to load it."""
    with pytest.raises(ClientLeft), pool.lease(key(name), load, leave):
        pass


def abandon_once(
    begun: Callable[[], bool], pool: Pool, name: str, load: Callable[[Expect], LoadedEngine[Toy]]
) -> None:
    """Ask for an engine and leave while it is loaded."""

    def leave_once_it_loads() -> None:
        if begun():
            raise ClientLeft

    with pytest.raises(ClientLeft), pool.lease(key(name), load, leave_once_it_loads):
        pass


def abandon_loading(pool: Pool, name: str, factory: Factory) -> None:
    before = factory.loads
    abandon_once(lambda: factory.loads > before, pool, name, factory)


def finish_loading(pool: Pool, factory: Factory) -> None:
    assert factory.delay is not None
    factory.delay.set()
    until = time.monotonic() + 5
    while pool.loading:
        assert time.monotonic() < until
        time.sleep(0.001)


def in_use(pool: Pool) -> bool:
    return any(entry.leases for entry in pool.loaded())


def names(pool: Pool) -> list[str]:
    return [entry.key.name for entry in pool.loaded()]


def test_a_hundred_requests_at_once_load_one_engine() -> None:
    """All have it the moment it is there, not when they are next asked whether they still wait."""
    pool, factory = Pool(ask_every_seconds=30), Factory(delay=threading.Event())
    together = threading.Barrier(100)
    seen: list[Toy] = []

    def request() -> None:
        together.wait()
        with pool.lease(key("a"), factory, stay) as toy:
            seen.append(toy)

    with ThreadPoolExecutor(100) as executor:
        futures = [executor.submit(request) for _ in range(100)]
        assert factory.delay is not None
        wait_until(lambda: factory.loads == 1)
        time.sleep(0.05)
        factory.delay.set()
        for future in futures:
            future.result(timeout=10)
    assert factory.loads == 1
    assert len(seen) == 100
    assert len({id(toy) for toy in seen}) == 1


def test_leases_are_counted() -> None:
    pool, factory = Pool(), Factory(size_bytes=7)
    with pool.lease(key("a"), factory, stay), pool.lease(key("a"), factory, stay):
        (entry,) = pool.loaded()
        assert (entry.leases, entry.size_bytes) == (2, 7)
        assert in_use(pool)
    assert pool.loaded()[0].leases == 0
    assert not in_use(pool)


def test_an_idle_engine_goes_after_its_time_and_comes_back_at_need() -> None:
    clock, factory = Clock(), Factory()
    pool = Pool(keep_alive_seconds=60, clock=clock)
    with pool.lease(key("a"), factory, stay):
        clock.now = 1000
        assert pool.unload_idle() == ()
    clock.now = 1059
    assert pool.unload_idle() == ()
    clock.now = 1060
    assert pool.unload_idle() == (key("a"),)
    assert factory.alive == 0
    with pool.lease(key("a"), factory, stay) as toy:
        assert not toy.closed
    assert factory.loads == 2


def test_what_is_kept_outlasts_any_pause_and_gives_way_where_room_is_needed() -> None:
    """Models loaded at start stay warm by default; a limit still comes first."""
    clock, factory = Clock(), Factory()
    pool = Pool(keep_alive_seconds=60, kept_sources=[key("a").source], max_loaded=1, clock=clock)
    with pool.lease(key("a"), factory, stay):
        pass
    clock.now = 600
    assert pool.unload_idle() == ()
    with pool.lease(key("b"), factory, stay):
        pass
    assert [status.key for status in pool.loaded()] == [key("b")]


def test_without_a_keep_alive_nothing_is_ever_unloaded_for_being_idle() -> None:
    clock, factory = Clock(), Factory()
    pool = Pool(clock=clock)
    with pool.lease(key("a"), factory, stay):
        pass
    clock.now = 1e9
    assert pool.unload_idle() == ()


def test_beyond_the_limit_the_least_recently_used_goes() -> None:
    clock = Clock()
    pool = Pool(max_loaded=2, clock=clock)
    for moment, name in enumerate(["a", "b", "a", "c"]):
        clock.now = moment
        with pool.lease(key(name), Factory(), stay):
            pass
    assert names(pool) == ["a", "c"]


def test_a_lent_engine_stays_although_the_limit_is_passed_and_goes_when_given_back() -> None:
    clock = Clock()
    pool = Pool(max_loaded=1, clock=clock)
    with pool.lease(key("a"), Factory(), stay) as first:
        clock.now = 1
        with pool.lease(key("b"), Factory(), stay):
            assert not first.closed
            assert names(pool) == ["a", "b"]
        assert names(pool) == ["a"]
    assert names(pool) == ["a"]


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_room_in_the_budget_of_a_device_is_made_before_an_engine_is_loaded(device: str) -> None:
    clock = Clock()
    pool = Pool(budgets={device: 10}, clock=clock)
    held: list[list[str]] = []

    def load(size: int) -> Callable[[Expect], LoadedEngine[Toy]]:
        def build(expect: Expect) -> LoadedEngine[Toy]:
            expect(size)
            held.append(names(pool))
            return Factory(size_bytes=size)()

        return build

    for moment, (name, size) in enumerate([("a", 4), ("elsewhere", 50), ("b", 5), ("c", 5)]):
        clock.now = moment
        where = {"cuda": "cpu", "cpu": "cuda"}[device] if name == "elsewhere" else device
        with pool.lease(key(name, where), load(size), stay):
            pass
    assert held == [[], ["a"], ["a", "elsewhere"], ["elsewhere", "b"]]
    assert names(pool) == ["elsewhere", "b", "c"]


def test_one_engine_alone_may_be_larger_than_the_budget_and_stays() -> None:
    clock = Clock()
    pool = Pool(budgets={"cuda": 10}, clock=clock)
    large, larger = Factory(size_bytes=12), Factory(size_bytes=15)
    for moment in range(2):
        clock.now = moment
        with pool.lease(key("large"), large, stay):
            pass
    assert (names(pool), large.loads) == (["large"], 1)
    with pool.lease(key("larger"), larger, stay):
        assert names(pool) == ["larger"]
    assert names(pool) == ["larger"]


def test_engines_that_are_needed_together_are_lent_together_whatever_the_limits() -> None:
    pool = Pool(budgets={"cuda": 10}, max_loaded=1)
    with (
        pool.lease(key("a"), Factory(size_bytes=8), stay) as first,
        pool.lease(key("b"), Factory(size_bytes=8), stay) as second,
    ):
        assert not first.closed
        assert not second.closed
    assert len(names(pool)) == 1


def test_a_failure_is_remembered_for_a_while_and_then_tried_again() -> None:
    clock = Clock()
    pool = Pool(cool_down_seconds=30, clock=clock)
    factory = Factory(failure=ModelUnavailable("a", "the hub is away", 60))
    for now, loads, retry_after in [(0, 1, 30), (10, 1, 20), (29.9, 1, 1), (30, 2, 30)]:
        clock.now = now
        with (
            pytest.raises(ModelUnavailable, match="the hub is away") as refused,
            pool.lease(key("a"), factory, stay),
        ):
            pass
        assert (factory.loads, refused.value.retry_after_seconds) == (loads, retry_after)
    factory.failure = None
    clock.now = 60
    with pool.lease(key("a"), factory, stay) as toy:
        assert not toy.closed


def test_an_unforeseen_failure_names_the_model_and_hides_the_details() -> None:
    pool = Pool()
    factory = Factory(failure=RuntimeError("secret detail"))
    with pytest.raises(ModelUnavailable) as refused, pool.lease(key("a"), factory, stay):
        pass
    assert "secret" not in str(refused.value)
    assert refused.value.model == "a"


def test_lack_of_memory_is_passed_on_and_not_remembered() -> None:
    pool, factory = Pool(), Factory(failure=OutOfMemory("loading", 30))
    with pytest.raises(OutOfMemory), pool.lease(key("a"), factory, stay):
        pass
    factory.failure = None
    with pool.lease(key("a"), factory, stay):
        assert factory.loads == 2


def test_everyone_who_waits_for_a_failing_load_is_told_why() -> None:
    pool = Pool()
    factory = Factory(delay=threading.Event(), failure=ModelUnavailable("a", "no such file", 5))
    together = threading.Barrier(20)

    def request() -> str:
        together.wait()
        with pytest.raises(ModelUnavailable) as refused, pool.lease(key("a"), factory, stay):
            pass
        return refused.value.reason

    with ThreadPoolExecutor(20) as executor:
        futures = [executor.submit(request) for _ in range(20)]
        assert factory.delay is not None
        factory.delay.set()
        assert {future.result(timeout=10) for future in futures} == {"no such file"}
    assert factory.loads == 1


def test_an_engine_that_fails_to_close_is_gone_all_the_same() -> None:
    pool = Pool()

    def broken() -> None:
        raise RuntimeError("cannot close")

    with pool.lease(key("a"), lambda _: LoadedEngine(Toy(), broken), stay):
        pass
    assert pool.unload_unused() == (key("a"),)
    assert pool.loaded() == ()


def test_threads_that_hammer_the_pool_never_meet_a_closed_or_doubled_engine() -> None:
    clock = Clock()
    pool = Pool(keep_alive_seconds=1, max_loaded=2, budgets={"cuda": 3}, clock=clock)
    factories = {name: Factory(size_bytes=1) for name in "abcd"}
    stop = threading.Event()

    def use(seed: int) -> int:
        chance = random.Random(seed)
        for _ in range(400):
            name = chance.choice("abcd")
            factory = factories[name]
            with pool.lease(key(name), factory, stay) as toy:
                with factory.lock:
                    toy.users += 1
                assert not toy.closed
                with factory.lock:
                    toy.users -= 1
        return 400

    def reap() -> None:
        while not stop.is_set():
            clock.now += 0.4
            pool.unload_idle()
            pool.unload_unused()

    reaper = threading.Thread(target=reap)
    reaper.start()
    with ThreadPoolExecutor(8) as executor:
        served = sum(executor.map(use, range(8)))
    stop.set()
    reaper.join()
    assert served == 3200
    assert all(factory.most_alive == 1 for factory in factories.values())
    assert sum(factory.loads for factory in factories.values()) > 8
    assert sum(factory.alive for factory in factories.values()) == len(pool.loaded()) <= 2
    assert not in_use(pool)


def test_those_who_wait_for_a_load_are_asked_again_and_again_whether_they_still_do() -> None:
    pool, factory = Pool(ask_every_seconds=0.001), Factory(delay=threading.Event())
    asked = []

    def checkpoint() -> None:
        asked.append(len(factory_threads("a")))
        if len(asked) == 5:
            finish_loading(pool, factory)

    with pool.lease(key("a"), factory, checkpoint) as toy:
        assert not toy.closed
    assert asked == [1, 1, 1, 1, 1]
    assert factory.loads == 1


def factory_threads(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"load whisper {name}"]


def test_who_leaves_during_a_load_is_free_at_once_and_what_it_brings_goes_again() -> None:
    pool, factory = Pool(ask_every_seconds=0.001, linger_seconds=0.01), Factory(delay=threading.Event())
    began = time.monotonic()
    abandon_loading(pool, "a", factory)
    assert time.monotonic() - began < 2
    assert pool.loading
    assert names(pool) == []
    finish_loading(pool, factory)
    wait_until(lambda: factory.alive == 0)
    assert (names(pool), factory.loads) == ([], 1)


def test_who_asks_anew_at_once_finds_what_was_loaded_for_nobody() -> None:
    pool, factory = Pool(ask_every_seconds=0.001, linger_seconds=0.2), Factory(delay=threading.Event())
    abandon_loading(pool, "a", factory)
    finish_loading(pool, factory)
    with pool.lease(key("a"), factory, stay) as toy:
        assert not toy.closed
    wait_until(lambda: not factory_threads("a"))
    assert (names(pool), factory.loads) == (["a"], 1)


def test_what_was_of_use_before_stays_although_nobody_waits_for_it_any_more() -> None:
    """Such as the models that are loaded at start, when they come back after a pause."""
    pool, factory = Pool(ask_every_seconds=0.001), Factory()
    with pool.lease(key("a"), factory, stay):
        pass
    pool.unload_unused()
    factory.delay = threading.Event()
    abandon_loading(pool, "a", factory)
    finish_loading(pool, factory)
    assert [(entry.key.name, entry.leases) for entry in pool.loaded()] == [("a", 0)]
    with pool.lease(key("a"), factory, stay) as toy:
        assert not toy.closed
    assert factory.loads == 2


def test_a_client_that_names_model_after_model_and_leaves_loads_one_and_keeps_none() -> None:
    pool = Pool(ask_every_seconds=0.001, linger_seconds=0.01)
    factories = {name: Factory(delay=threading.Event()) for name in "abcdefgh"}
    abandon_loading(pool, "a", factories["a"])
    for name in "bcdefgh":
        abandon(pool, name, factories[name])
    for factory in factories.values():
        assert factory.delay is not None
        factory.delay.set()
    wait_until(lambda: not pool.loading)
    wait_until(lambda: not any(factory.alive for factory in factories.values()))
    assert [factory.loads for factory in factories.values()] == [1, 0, 0, 0, 0, 0, 0, 0]
    assert names(pool) == []


def test_loads_take_turns_in_the_order_in_which_they_were_asked_for() -> None:
    pool, loading = Pool(ask_every_seconds=0.001), threading.Lock()
    begun: list[str] = []
    go = threading.Event()

    def load(name: str) -> Callable[[Expect], LoadedEngine[Toy]]:
        def build(expect: Expect) -> LoadedEngine[Toy]:
            assert loading.acquire(blocking=False), "two at once"
            begun.append(name)
            assert go.wait(5)
            loading.release()
            return LoadedEngine(Toy(), lambda: None)

        return build

    def use(name: str) -> None:
        with pool.lease(key(name), load(name), stay):
            pass

    with ThreadPoolExecutor(5) as executor:
        for name in "abcde":
            executor.submit(use, name)
            wait_until(lambda name=name: bool(factory_threads(name)))  # type: ignore[misc]
        assert begun == ["a"]
        go.set()
    assert begun == list("abcde")


def test_who_waits_for_a_turn_may_leave_and_the_next_comes_sooner() -> None:
    pool, never, last = Pool(ask_every_seconds=0.001), Factory(), Factory()
    slow = Factory(delay=threading.Event())
    with ThreadPoolExecutor(2) as executor:
        first = executor.submit(use_once, pool, "slow", slow)
        wait_until(lambda: slow.loads == 1)
        began = time.monotonic()
        abandon(pool, "left", never)
        assert time.monotonic() - began < 2
        wait_until(lambda: not factory_threads("left"))
        second = executor.submit(use_once, pool, "last", last)
        finish_loading(pool, slow)
        first.result(timeout=5)
        second.result(timeout=5)
    assert (never.loads, last.loads) == (0, 1)


def use_once(pool: Pool, name: str, factory: Factory) -> None:
    with pool.lease(key(name), factory, stay):
        pass


@pytest.mark.parametrize("memory_lacks", [False, True])
def test_who_stays_gets_the_engine_although_the_first_to_ask_has_left(memory_lacks: bool) -> None:
    """Lack of memory was the answer to the one who left; for the other it is tried again."""
    pool, factory = Pool(ask_every_seconds=0.001), Factory(delay=threading.Event())
    waits = threading.Event()

    def stays() -> Toy:
        with pool.lease(key("a"), factory, waits.set) as toy:
            return toy

    with ThreadPoolExecutor(1) as executor:
        abandon_loading(pool, "a", factory)
        future = executor.submit(stays)
        assert waits.wait(5)
        if memory_lacks:
            loaded = factory.delay
            factory.failure, factory.delay = OutOfMemory("loading", 30), threading.Event()
            assert loaded is not None
            loaded.set()
            wait_until(lambda: factory.loads == 2)
            factory.failure = None
        finish_loading(pool, factory)
        assert not future.result(timeout=5).closed
    assert factory.loads == 1 + memory_lacks


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_load_that_fails_when_nobody_waits_any_more_is_remembered_for_the_next() -> None:
    clock = Clock()
    pool = Pool(ask_every_seconds=0.001, cool_down_seconds=30, clock=clock)
    factory = Factory(delay=threading.Event(), failure=ModelUnavailable("a", "no such file", 5))
    abandon_loading(pool, "a", factory)
    finish_loading(pool, factory)
    clock.now = 10
    with (
        pytest.raises(ModelUnavailable, match="no such file") as refused,
        pool.lease(key("a"), factory, stay),
    ):
        pass
    assert (factory.loads, refused.value.retry_after_seconds) == (1, 20)


def test_what_was_loaded_for_somebody_cannot_be_unloaded_before_he_takes_it() -> None:
    pool, factory = Pool(ask_every_seconds=0.001), Factory(delay=threading.Event())

    def finish_and_unload() -> None:
        finish_loading(pool, factory)
        assert pool.unload_unused() == ()

    with pool.lease(key("a"), factory, finish_and_unload) as toy:
        assert not toy.closed
    assert factory.loads == 1


def test_what_nobody_waited_for_any_more_goes_when_it_is_beyond_the_limit() -> None:
    pool, factory = Pool(ask_every_seconds=0.001, max_loaded=1), Factory(delay=threading.Event())
    with pool.lease(key("lent"), Factory(), stay):
        abandon_loading(pool, "a", factory)
        finish_loading(pool, factory)
        wait_until(lambda: factory.alive == 0)
        assert names(pool) == ["lent"]


def test_who_waits_for_an_engine_that_is_being_closed_may_leave_too() -> None:
    pool, closing, closed = Pool(ask_every_seconds=0.001), threading.Event(), threading.Event()

    def close() -> None:
        closing.set()
        assert closed.wait(5)

    with pool.lease(key("a"), lambda _: LoadedEngine(Toy(), close), stay):
        pass
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(pool.unload_unused)
        assert closing.wait(5)
        abandon(pool, "a", Factory())
        closed.set()
        assert future.result(timeout=5) == (key("a"),)
    with pool.lease(key("a"), Factory(), stay) as toy:
        assert not toy.closed


def test_a_load_holds_up_nobody_who_wants_what_is_loaded() -> None:
    pool, factory = Pool(ask_every_seconds=0.001), Factory(delay=threading.Event())
    with pool.lease(key("b"), Factory(), stay):
        pass

    def meanwhile() -> None:
        with pool.lease(key("b"), Factory(), stay):
            assert in_use(pool)
        assert not in_use(pool)
        assert pool.loading
        finish_loading(pool, factory)

    with pool.lease(key("slow"), factory, meanwhile):
        assert names(pool) == ["b", "slow"]


@pytest.mark.parametrize("leaves", [False, True])
def test_nothing_of_a_failed_load_or_of_who_asked_for_it_stays_in_memory(leaves: bool) -> None:
    """Weights that were read go with the load, the recording that waited goes with the answer.

    Reference counting alone frees both, not some time later the garbage collector.
    """
    pool = Pool(ask_every_seconds=0.001)
    go = threading.Event()
    remains: dict[str, weakref.ref[Toy]] = {}

    def load(expect: Expect) -> LoadedEngine[Toy]:
        weights = Toy()
        remains["weights"] = weakref.ref(weights)
        assert go.wait(5)
        raise ModelUnavailable("a", "broken off", 5)

    def leave_the_load() -> None:
        if "weights" in remains:
            leave()

    def request() -> None:
        recording = Toy()
        remains["recording"] = weakref.ref(recording)
        with pool.lease(key("a"), load, leave_the_load if leaves else go.set):
            pass

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(ClientLeft if leaves else ModelUnavailable) as answer:
            request()
        go.set()
        wait_until(lambda: not factory_threads("a"))
        assert remains["weights"]() is None
        del answer
        assert remains["recording"]() is None
    finally:
        gc.enable()


def test_what_was_unloaded_stays_in_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Not even in that of the thread that loaded it, for nobody in the end, and unloads it at once."""
    pool = Pool(ask_every_seconds=0.001, max_loaded=1)
    begun, go = threading.Event(), threading.Event()
    toys: list[weakref.ref[Toy]] = []
    still_there: list[bool] = []

    def load(expect: Expect) -> LoadedEngine[Toy]:
        begun.set()
        assert go.wait(5)
        loaded = Factory()()
        toys.append(weakref.ref(loaded.engine))
        return loaded

    def look(record: logging.LogRecord) -> bool:
        if record.getMessage().startswith("unloaded"):
            still_there.append(toys[0]() is not None)
        return True

    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(look)
    with pool.lease(key("lent"), Factory(), stay):
        abandon_once(begun.is_set, pool, "a", load)
        go.set()
        wait_until(lambda: bool(still_there))
    assert still_there == [False]
