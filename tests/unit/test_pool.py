"""Engines shared by many: loaded once, never closed while lent, let go when idle or in the way."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from app.engines.leasing import EngineKey, Loaded
from app.engines.pool import Pool
from app.errors import ModelUnavailable, OutOfMemory


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

    def __call__(self) -> Loaded[Toy]:
        with self.lock:
            self.loads += 1
        if self.delay is not None:
            self.delay.wait(5)
        if self.failure is not None:
            raise self.failure
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

        return Loaded(toy, close, self.size_bytes)


def key(name: str) -> EngineKey:
    return EngineKey("whisper", name, f"owner/{name}", "cuda")


def names(pool: Pool) -> list[str]:
    return [entry.key.name for entry in pool.loaded()]


def test_a_hundred_requests_at_once_load_one_engine() -> None:
    pool, factory = Pool(), Factory(delay=threading.Event())
    together = threading.Barrier(100)
    seen: list[Toy] = []

    def request() -> None:
        together.wait()
        with pool.lease(key("a"), factory) as toy:
            seen.append(toy)

    with ThreadPoolExecutor(100) as executor:
        futures = [executor.submit(request) for _ in range(100)]
        assert factory.delay is not None
        factory.delay.set()
        for future in futures:
            future.result(timeout=10)
    assert factory.loads == 1
    assert len(seen) == 100
    assert len({id(toy) for toy in seen}) == 1


def test_leases_are_counted() -> None:
    pool, factory = Pool(), Factory(size_bytes=7)
    with pool.lease(key("a"), factory), pool.lease(key("a"), factory):
        (entry,) = pool.loaded()
        assert (entry.leases, entry.size_bytes) == (2, 7)
        assert pool.in_use
    assert pool.loaded()[0].leases == 0
    assert not pool.in_use


def test_an_idle_engine_goes_after_its_time_and_comes_back_at_need() -> None:
    clock, factory = Clock(), Factory()
    pool = Pool(keep_alive_seconds=60, clock=clock)
    with pool.lease(key("a"), factory):
        clock.now = 1000
        assert pool.unload_idle() == ()
    clock.now = 1059
    assert pool.unload_idle() == ()
    clock.now = 1060
    assert pool.unload_idle() == (key("a"),)
    assert factory.alive == 0
    with pool.lease(key("a"), factory) as toy:
        assert not toy.closed
    assert factory.loads == 2


def test_without_a_keep_alive_nothing_is_ever_unloaded_for_being_idle() -> None:
    clock, factory = Clock(), Factory()
    pool = Pool(clock=clock)
    with pool.lease(key("a"), factory):
        pass
    clock.now = 1e9
    assert pool.unload_idle() == ()


def test_beyond_the_limit_the_least_recently_used_goes() -> None:
    clock = Clock()
    pool = Pool(max_loaded=2, clock=clock)
    for moment, name in enumerate(["a", "b", "a", "c"]):
        clock.now = moment
        with pool.lease(key(name), Factory()):
            pass
    assert names(pool) == ["a", "c"]


def test_a_lent_engine_stays_although_the_limit_is_passed_and_goes_when_given_back() -> None:
    clock = Clock()
    pool = Pool(max_loaded=1, clock=clock)
    with pool.lease(key("a"), Factory()) as first:
        clock.now = 1
        with pool.lease(key("b"), Factory()):
            assert not first.closed
            assert names(pool) == ["a", "b"]
        assert names(pool) == ["a"]
    assert names(pool) == ["a"]


def test_the_memory_budget_counts_what_is_to_be_loaded_too() -> None:
    clock = Clock()
    pool = Pool(budget_bytes=10, clock=clock)
    held: list[list[str]] = []

    def load(size: int) -> Callable[[], Loaded[Toy]]:
        def build() -> Loaded[Toy]:
            held.append(names(pool))
            return Factory(size_bytes=size)()

        return build

    for moment, (name, size) in enumerate([("a", 4), ("cpu", 0), ("b", 5), ("c", 5)]):
        clock.now = moment
        with pool.lease(key(name), load(size), expected_bytes=size):
            pass
    assert held == [[], ["a"], ["a", "cpu"], ["cpu", "b"]]
    assert names(pool) == ["cpu", "b", "c"]


def test_a_failure_is_remembered_for_a_while_and_then_tried_again() -> None:
    clock = Clock()
    pool = Pool(cool_down_seconds=30, clock=clock)
    factory = Factory(failure=ModelUnavailable("a", "the hub is away", 60))
    for now, loads, retry_after in [(0, 1, 30), (10, 1, 20), (29.9, 1, 1), (30, 2, 30)]:
        clock.now = now
        with (
            pytest.raises(ModelUnavailable, match="the hub is away") as refused,
            pool.lease(key("a"), factory),
        ):
            pass
        assert (factory.loads, refused.value.retry_after_seconds) == (loads, retry_after)
    factory.failure = None
    clock.now = 60
    with pool.lease(key("a"), factory) as toy:
        assert not toy.closed


def test_an_unforeseen_failure_names_the_model_and_hides_the_details() -> None:
    pool = Pool()
    factory = Factory(failure=RuntimeError("secret detail"))
    with pytest.raises(ModelUnavailable) as refused, pool.lease(key("a"), factory):
        pass
    assert "secret" not in str(refused.value)
    assert refused.value.model == "a"


def test_lack_of_memory_is_passed_on_and_not_remembered() -> None:
    pool, factory = Pool(), Factory(failure=OutOfMemory("loading", 30))
    with pytest.raises(OutOfMemory), pool.lease(key("a"), factory):
        pass
    factory.failure = None
    with pool.lease(key("a"), factory):
        assert factory.loads == 2


def test_everyone_who_waits_for_a_failing_load_is_told_why() -> None:
    pool = Pool()
    factory = Factory(delay=threading.Event(), failure=ModelUnavailable("a", "no such file", 5))
    together = threading.Barrier(20)

    def request() -> str:
        together.wait()
        with pytest.raises(ModelUnavailable) as refused, pool.lease(key("a"), factory):
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

    with pool.lease(key("a"), lambda: Loaded(Toy(), broken)):
        pass
    assert pool.unload_unused() == (key("a"),)
    assert pool.loaded() == ()


def test_threads_that_hammer_the_pool_never_meet_a_closed_or_doubled_engine() -> None:
    clock = Clock()
    pool = Pool(keep_alive_seconds=1, max_loaded=2, budget_bytes=3, clock=clock)
    factories = {name: Factory(size_bytes=1) for name in "abcd"}
    stop = threading.Event()

    def use(seed: int) -> int:
        chance = random.Random(seed)
        for _ in range(400):
            name = chance.choice("abcd")
            factory = factories[name]
            with pool.lease(key(name), factory, expected_bytes=1) as toy:
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
    assert not pool.in_use
