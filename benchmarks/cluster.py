"""What several processes behind one address add, cost and lose: HAProxy before cards, a cell of Ray Serve.

    nice .venv-cluster/bin/python -m benchmarks.cluster [throughput] [hop] [wait2] [wait4] [upload] [kills]

Engines sleep, so that the number of cores is no limit; everything else is real. Writes what is named into
benchmarks/results/cluster.json.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.cluster_model import Balancer, FewestConnections, Job, OneAhead, OneQueue, jobs
from benchmarks.machine import describe
from benchmarks.pairs import Figure
from tests.cluster import journal
from tests.cluster.box import Box, box, end
from tests.cluster.cells import SleepingCell, kill, sleeping_cell, wait_for_replicas
from tests.cluster.load import Answer, growth_of_a_gigabyte, keep_busy, send, statuses, with_clients

RESULTS = Path(__file__).parent / "results" / "cluster.json"
BOX, CELL = "HAProxy before cards", "a cell of Ray Serve"
ROOMY = {"MAX_QUEUE_SIZE": "1000"}
WORK_SECONDS, LOAD, REQUESTS = 0.15, 0.7, 500
HOP_REQUESTS, HOP_ROUNDS = 150, 5


@contextmanager
def cards(count: int, **settings: str) -> Iterator[Box]:
    with tempfile.TemporaryDirectory() as directory, box(Path(directory), cards=count, **settings) as running:
        yield running


@contextmanager
def replicas(count: int) -> Iterator[SleepingCell]:
    with (
        tempfile.TemporaryDirectory() as directory,
        sleeping_cell(Path(directory), count, settings=ROOMY) as running,
    ):
        yield running


def throughput() -> list[Figure]:
    """Return the throughput of 1, 2 and 4 replicas, whose engines sleep for 200 ms, with 4 clients each."""
    figures = []
    with cards(1, **lower(ROOMY)) as running:
        rates = {1: rate(running.url, 1)}
        for count in (2, 4):
            while len(running.cards) < count:
                running.add_card()
            time.sleep(3)
            rates[count] = rate(running.url, count)
        figures += scaling(BOX, rates)
    with replicas(1) as cell:
        rates = {1: rate(cell.url, 1)}
        for count in (2, 4):
            cell.deploy(count)
            wait_for_replicas(cell, count, 90)
            time.sleep(8)
            rates[count] = rate(cell.url, count)
        figures += scaling(CELL, rates)
    return figures


def rate(url: str, count: int) -> float:
    """Return requests a second; begin and end of the load are part of it."""
    began = time.monotonic()
    answers = keep_busy(url, 4 * count, lambda _: 0.2, requests=60 * count)
    assert set(statuses(answers)) == {200}
    return len(answers) / (time.monotonic() - began)


def scaling(name: str, rates: dict[int, float]) -> list[Figure]:
    goals = {2: ">= 1.95", 4: ">= 3.8"}
    return [
        Figure(
            f"{name}: throughput of {count} against 1",
            rates[count] / rates[1],
            "times",
            f"{rates[1]:.2f} -> {rates[count]:.2f} requests/s, work of 200 ms, 4 clients each",
            goal,
        )
        for count, goal in goals.items()
    ]


def hop() -> list[Figure]:
    """Return what the way through each adds to a request of 10 kB without work, in turn with direct ones."""
    with cards(1) as running, replicas(1) as cell:
        urls = {"direct": running.cards[0].url, BOX: running.url, CELL: cell.url}
        for url in urls.values():
            one_by_one(url, 30)
        rounds: dict[str, list[list[float]]] = {name: [] for name in urls}
        for _ in range(HOP_ROUNDS):
            for name, url in urls.items():
                rounds[name].append(one_by_one(url, HOP_REQUESTS))
    goals = {BOX: ("<= 0.5", "<= 2"), CELL: ("<= 2", "<= 8")}
    return [
        figure for name, goal in goals.items() for figure in added(name, rounds["direct"], rounds[name], goal)
    ]


def one_by_one(url: str, count: int) -> list[float]:
    """Return the milliseconds of each of `count` requests, one after the other on one connection."""

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        return [await send(client, f"hop{number}", 0) for number in range(count)]

    answers = with_clients(url, work)
    assert set(statuses(answers)) == {200}
    return [1000 * answer.seconds for answer in answers]


def added(
    name: str, direct: Sequence[list[float]], through: Sequence[list[float]], goals: tuple[str, str]
) -> list[Figure]:
    figures = []
    for label, number, goal in (("median", 49, goals[0]), ("99th percentile", 98, goals[1])):
        pairs = [
            (statistics.quantiles(one, n=100)[number], statistics.quantiles(other, n=100)[number])
            for one, other in zip(direct, through, strict=True)
        ]
        differences = sorted(other - one for one, other in pairs)
        spread = f"{differences[0]:.2f} to {differences[-1]:.2f} ms"
        alone = statistics.median(one for one, _ in pairs)
        note = f"direct {alone:.2f} ms; {len(pairs)} rounds of {HOP_REQUESTS}, {spread}"
        value = statistics.median(differences)
        figures.append(Figure(f"{name}: added to the {label}", value, "ms", note, goal))
    return figures


def wait(count: int, box_goal: str, cell_goal: str) -> list[Figure]:
    """Return the 99th percentile of the wait at 70 % load, against one process with as many slots."""
    work = list(itertools.islice(jobs(count, LOAD, random.Random(count)), REQUESTS))
    with cards(1, gpu_concurrency=str(count), **lower(ROOMY)) as running:
        alone = slowest(running.cards[0].url, work)
    note = f"one process: {alone:.2f} mean jobs; "
    figures = []
    for places in (2, 1) if count > 2 else (2,):
        model = OneAhead(count) if places == 2 else OneQueue(count)
        with cards(count, card_places=str(places), **lower(ROOMY)) as running:
            found = slowest(running.url, work)
        name = f"{BOX}, {places} places for each of {count}"
        figures.append(ratio(name, found, alone, note, box_goal, work, model))
    with replicas(count) as cell:
        found = slowest(cell.url, work)
    fewest = FewestConnections(count, 1, random.Random(0))
    figures.append(ratio(f"{CELL}, {count} replicas", found, alone, note, cell_goal, work, fewest))
    return figures


def slowest(url: str, work: Sequence[Job]) -> float:
    """Return the 99th percentile of the time beyond the work itself, in mean jobs."""

    async def one(client: httpx.AsyncClient, number: int, job: Job) -> Answer:
        await asyncio.sleep(job.arrives * WORK_SECONDS)
        return await send(client, f"wait{number}", job.takes * WORK_SECONDS)

    async def whole(client: httpx.AsyncClient) -> list[Answer]:
        return list(await asyncio.gather(*(one(client, number, job) for number, job in enumerate(work))))

    answers = with_clients(url, whole)
    assert set(statuses(answers)) == {200}
    waits = [answer.seconds / WORK_SECONDS - job.takes for answer, job in zip(answers, work, strict=True)]
    return statistics.quantiles(waits, n=100)[98]


def ratio(
    name: str, found: float, alone: float, note: str, goal: str, work: Sequence[Job], model: Balancer
) -> Figure:
    expected = statistics.quantiles([model.begin(job) - job.arrives for job in work], n=100)[98]
    note += f"here {found:.2f}, by the model {expected:.2f}; {len(work)} jobs of {WORK_SECONDS} s on average"
    return Figure(f"{name}: p99 of the wait at {LOAD:.0%}", found / alone, "times one process", note, goal)


def upload() -> list[Figure]:
    """Return by how much replica and proxy grow during an upload of 10^9 bytes, and how fast it is."""
    figures = []
    with cards(1) as running:
        assert running.haproxy is not None
        processes = [psutil.Process(running.cards[0].process.pid)], [psutil.Process(running.haproxy.pid)]
        figures += growth(BOX, running.url, *processes)
    with replicas(1) as cell:
        processes = [psutil.Process(pid) for pid in cell.pids()], cell.haproxy()
        figures += growth(CELL, cell.url, *processes)
    return figures


def growth(name: str, url: str, workers: list[psutil.Process], proxies: list[psutil.Process]) -> list[Figure]:
    began = time.monotonic()
    replica, proxy = growth_of_a_gigabyte(url, workers, proxies)
    note = f"10^9 bytes, {1000 / (time.monotonic() - began):.0f} MB/s"
    return [
        Figure(f"{name}: growth of a replica", replica / 1e6, "MB", note, "< 64"),
        Figure(f"{name}: growth of the proxy", proxy / 1e6, "MB", note, "< 16"),
    ]


def kills() -> list[Figure]:
    """Return what 2,000 requests lost or had done twice, with a kill -9 of a replica every 20 s."""
    figures = []
    with cards(3) as running:
        figures += storm(BOX, running.url, running.journal, lambda: replace_a_card(running))
    with replicas(3) as cell:
        figures += storm(CELL, cell.url, cell.journal, lambda: kill(min(cell.pids())))
    return figures


def replace_a_card(running: Box) -> None:
    victim = running.cards[-3]
    end(victim.process)
    running.add_card()
    running.names.addresses = [host for host in running.names.addresses if host != victim.host]


def storm(name: str, url: str, path: Path, strike: Callable[[], None]) -> list[Figure]:
    over, struck = threading.Event(), itertools.count()

    def strike_now_and_then() -> None:
        while not over.wait(20):
            strike()
            next(struck)

    killer = threading.Thread(target=strike_now_and_then)
    killer.start()
    answers = keep_busy(url, 9, lambda _: 0.12, requests=2000)
    over.set()
    killer.join(60)
    good = {answer.token.removesuffix("-again") for answer in answers if answer.status == 200}
    twice = sum(count > 1 for count in journal.counts(path, "ended").values())
    again = sum(answer.token.endswith("-again") for answer in answers)
    note = f"{next(struck)} kills, {again} requests were sent once more"
    return [
        Figure(f"{name}: lost of 2,000", 2000 - len(good), "requests", note, "0"),
        Figure(f"{name}: done twice of 2,000", twice, "requests", note, "0"),
    ]


def lower(settings: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in settings.items()}


PARTS: dict[str, Callable[[], list[Figure]]] = {
    "throughput": throughput,
    "hop": hop,
    "wait2": lambda: wait(2, "<= 1.1", "<= 1.6"),
    "wait4": lambda: wait(4, "<= 1.1", "<= 2.5"),
    "upload": upload,
    "kills": kills,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all by default")
    for part in parser.parse_args().parts or PARTS:
        here = describe()
        figures = PARTS[part]()
        for figure in figures:
            print(
                f"{figure.name}: {figure.value:.3g} {figure.unit}, goal {figure.goal}; {figure.note}",
                flush=True,
            )
        kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        kept[part] = {"machine": here, "results": [figure.as_json() for figure in figures]}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
