"""Clients that leave, parts of a cell that die or are replaced: nothing is done twice or lost in silence."""

import asyncio
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.cluster import journal
from tests.cluster.cells import LOST, SleepingCell, kill, sleeping_cell, wait_for_replicas
from tests.cluster.load import (
    Answer,
    growth_of_a_gigabyte,
    keep_busy,
    send,
    statuses,
    under_load,
    with_clients,
)  # fmt: skip
from tests.wire import form, head, wait_until

pytest.importorskip("ray", reason="Ray is missing: make cluster-test installs it")


def test_work_stops_within_a_second_when_its_client_leaves(two_replicas: SleepingCell) -> None:
    """200 clients that leave at random moments: in the upload, in the queue, in work."""
    chance = random.Random(7)

    async def leave(client: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(chance.random() * 8)
        async with asyncio.timeout(0.01 + chance.random() * 0.8):
            await send(client, f"left{number}", 30, bytes(chance.choice((1_000, 1_000_000))))

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        await asyncio.gather(*(leave(client, n) for n in range(200)), return_exceptions=True)
        return []

    with_clients(two_replicas.url, work)
    left = time.time()
    wait_until(two_replicas.is_idle, 3)
    entries = [each for each in journal.read(two_replicas.journal) if each.token.startswith("left")]
    begun, stopped = ({e.token for e in entries if e.what == what} for what in ("began", "stopped"))
    assert len(begun) >= 4
    assert begun == stopped
    assert all(entry.at < left + 1 for entry in entries)


def test_a_killed_replica_loses_what_it_had_and_nothing_else(two_replicas: SleepingCell) -> None:
    """Both work and have a queue. The lost ones get 500 within a second; sent again they are done."""
    victim = min(two_replicas.pids())

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        tasks = [asyncio.create_task(send(client, f"kill{number}", 1.0)) for number in range(8)]
        await asyncio.sleep(0.5)
        kill(victim)
        killed = time.monotonic()
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert time.monotonic() - killed < 1
        answers = await asyncio.gather(*tasks)
        again = [send(client, f"{each.token}-again", 0.1) for each in answers if each.status != 200]
        return [*answers, *await asyncio.gather(*again)]

    answers = with_clients(two_replicas.url, work)
    lost = [answer for answer in answers if answer.status != 200]
    assert 1 <= len(lost) <= 5
    assert {answer.status for answer in lost} <= set(LOST)
    assert statuses(answers)[200] == 8
    ended = journal.counts(two_replicas.journal, "ended", "kill")
    assert set(ended.values()) == {1}
    assert not {answer.token for answer in lost} & set(ended)
    assert wait_for_replicas(two_replicas, 2, 40) < 40
    assert victim not in two_replicas.pids()


def test_a_replica_killed_in_mid_upload_ends_the_request_at_once(two_replicas: SleepingCell) -> None:
    with running_upload(two_replicas) as connection:
        victim = wait_for_upload(two_replicas)
        kill(victim)
        began = time.monotonic()
        answer = received(connection)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 500")
        assert time.monotonic() - began < 1


def wait_for_upload(running: SleepingCell) -> int:
    """Return the process that has an open upload."""
    found: list[int] = []

    def look() -> bool:
        found[:] = [pid for pid in running.pids() if any(map(is_upload, open_files(pid)))]
        return bool(found)

    wait_until(look)
    return found[0]


def open_files(pid: int) -> list[str]:
    directory = Path(f"/proc/{pid}/fd")
    return [os.readlink(path) for path in directory.iterdir() if path.is_symlink()]


def is_upload(path: str) -> bool:
    return "/uploads/replica-" in path


def received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionError:
        return b""


@contextmanager
def running_upload(running: SleepingCell) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", running.cell.port), timeout=10) as connection:
        connection.sendall(head(5_000_000) + form(bytes(100_000), end=False))
        yield connection


def test_a_stopped_replica_is_replaced_and_no_request_is_done_twice(two_replicas: SleepingCell) -> None:
    stopped = min(two_replicas.pids())
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    with under_load(two_replicas.url, 4, 0.1, "stop") as answers:
        wait_until(lambda: stopped not in two_replicas.pids(), 60)
        out = time.monotonic() - began
        wait_for_replicas(two_replicas, 2, 60)
        with suppress(ProcessLookupError):
            os.kill(stopped, signal.SIGCONT)
        time.sleep(1)
    assert out < 40
    assert set(statuses(answers)) <= {200, *LOST}
    assert statuses(answers)[200] > 50
    assert set(journal.counts(two_replicas.journal, "ended", "stop").values()) == {1}


def test_fewer_replicas_under_load_cost_no_request(two_replicas: SleepingCell) -> None:
    with under_load(two_replicas.url, 4, 0.5, "fewer") as answers:
        time.sleep(1)
        two_replicas.deploy(1)
        wait_until(lambda: len(two_replicas.pids()) == 1, 60)
        time.sleep(6)
    assert set(statuses(answers)) == {200}
    assert set(journal.counts(two_replicas.journal, "ended", "fewer").values()) == {1}


OPTIONS = {"num_cpus": 1, "num_gpus": 0}


def test_a_rolling_update_under_load_costs_no_request(two_replicas: SleepingCell) -> None:
    """New replicas in the place of all old ones: another setting of the service, by serve deploy."""
    old = two_replicas.pids()
    with under_load(two_replicas.url, 4, 0.3, "roll") as answers:
        time.sleep(1)
        two_replicas.deploy(
            2, ray_actor_options={**OPTIONS, "runtime_env": {"env_vars": {"LOG_LEVEL": "debug"}}}
        )
        wait_until(lambda: len(two_replicas.pids() - old) == 2 and len(two_replicas.pids()) == 2, 90)
        time.sleep(1)
    assert set(statuses(answers)) == {200}
    assert set(journal.counts(two_replicas.journal, "ended", "roll").values()) == {1}


@pytest.mark.parametrize(
    ("part", "lost"), [("ServeController", False), ("HAProxyManager", True), ("haproxy", True)]
)
def test_a_part_of_ray_that_is_killed_costs_at_most_what_ran_through_it(
    two_replicas: SleepingCell, part: str, lost: bool
) -> None:
    """The controller carries no request; HAProxy carries all. New requests are served within 40 s."""

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        tasks = [asyncio.create_task(send(client, f"{part}{number}", 2)) for number in range(2)]
        await asyncio.sleep(0.7)
        for process in two_replicas.haproxy() if part == "haproxy" else [two_replicas.actor(part)]:
            process.kill()
        return list(await asyncio.gather(*tasks))

    answers = with_clients(two_replicas.url, work)
    assert set(statuses(answers)) <= ({200, *LOST} if lost else {200})
    wait_until(lambda: serves(two_replicas), 40)
    assert set(journal.counts(two_replicas.journal, "ended", part).values()) <= {1}
    wait_until(lambda: can_be_asked(two_replicas), 60)


def serves(running: SleepingCell) -> bool:
    try:
        return httpx.get(f"{running.url}/health", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def can_be_asked(running: SleepingCell) -> bool:
    answer = running.cell.ask()
    return answer.ok and len(running.pids()) == 2


def test_a_gigabyte_passes_without_being_held(two_replicas: SleepingCell) -> None:
    """A replica may grow by 64 MB, HAProxy by 16 MB, however long the upload is."""
    replicas = [psutil.Process(pid) for pid in two_replicas.pids()]
    proxies = two_replicas.haproxy()
    replica, proxy = growth_of_a_gigabyte(two_replicas.url, replicas, proxies)
    assert replica < 64_000_000
    assert proxy < 16_000_000


def test_kills_every_few_seconds_lose_nothing_after_one_retry(two_replicas: SleepingCell) -> None:
    """1,000 requests; whoever got no answer sends once more. Each is answered, none is worked on twice."""
    two_replicas.deploy(3)
    wait_for_replicas(two_replicas, 3, 60)
    over = threading.Event()
    killed: list[int] = []
    killer = threading.Thread(target=kill_now_and_then, args=(two_replicas, over, killed))
    killer.start()
    try:
        answers = keep_busy(two_replicas.url, 9, lambda _: 0.1, requests=1000, name="storm")
    finally:
        over.set()
        killer.join(90)
    good = {answer.token.removesuffix("-again") for answer in answers if answer.status == 200}
    assert good == {f"storm{number}" for number in range(1000)}
    assert len(killed) >= 2
    assert set(journal.counts(two_replicas.journal, "ended", "storm").values()) == {1}


def kill_now_and_then(running: SleepingCell, over: threading.Event, killed: list[int]) -> None:
    """Kill a replica, wait until there are three again and a little longer, and so on."""
    while not over.wait(6):
        victim = min(running.pids())
        kill(victim)
        killed.append(victim)
        wait_until(lambda gone=victim: gone not in running.pids() and len(running.pids()) == 3, 60)  # type: ignore[misc]


@pytest.mark.parametrize(("hard_stop", "survives"), [("60", True), ("3", False)])
def test_a_long_request_outlives_the_coming_and_going_of_replicas(
    tmp_path: Path, hard_stop: str, survives: bool
) -> None:
    """Each change starts HAProxy anew; the old one is ended after the time that cluster.env sets."""
    settings = {"RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": hard_stop}
    with sleeping_cell(tmp_path, replicas=1, settings=settings) as running:

        async def work(client: httpx.AsyncClient) -> list[Answer]:
            long = asyncio.create_task(send(client, "long", 20))
            await asyncio.sleep(1)
            for replicas in (2, 1, 2) if survives else (2,):
                running.deploy(replicas)
                await asyncio.to_thread(wait_for_replicas_alone, running, replicas)
            return [await long]

        (answer,) = with_clients(running.url, work)
        assert (answer.status == 200) is survives


def wait_for_replicas_alone(running: SleepingCell, count: int) -> None:
    wait_until(lambda: len(running.pids()) == count, 30)
