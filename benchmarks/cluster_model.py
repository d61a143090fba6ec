"""Up to a thousand GPUs on paper: how long requests wait behind which balancer, and what is full first.

    nice .venv/bin/python -m benchmarks.cluster_model [--seeds 5] [--times-real-time 158]

Every GPU has one slot. Clients arrive at random (Poisson); work is lognormal with mean 1 and a coefficient of
variation of 1.3, as recordings of very different lengths are, so that waits are counted in mean jobs. Writes
benchmarks/results/cluster_model.json.
"""

import argparse
import heapq
import itertools
import json
import math
import random
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

RESULTS = Path(__file__).parent / "results" / "cluster_model.json"
VARIATION = 1.3
ARRIVALS = 40_000
UNTIL_STEADY = 0.1
"""This part of the arrivals finds a cell that has not filled yet, and is not counted."""


@dataclass(frozen=True, slots=True)
class Job:
    """A request: when it arrives and how long it takes, in mean jobs."""

    arrives: float
    takes: float


class Balancer(Protocol):
    """Decides which GPU works on a job, and so when it begins."""

    def begin(self, job: Job) -> float:
        """Return when work on `job` begins; jobs come in the order of their arrival."""
        ...


class OneQueue:
    """The next job goes to the GPU that is free first: one process with as many slots."""

    def __init__(self, gpus: int) -> None:
        self._free = [0.0] * gpus

    def begin(self, job: Job) -> float:
        begins = max(job.arrives, self._free[0])
        heapq.heapreplace(self._free, begins + job.takes)
        return begins


class OneAhead:
    """One queue, but every GPU has its next job already: HAProxy before cards with two places each."""

    def __init__(self, gpus: int) -> None:
        self._last = [(0.0, 0.0)] * gpus

    def begin(self, job: Job) -> float:
        """Bind `job` when a place is free, at an idle GPU if there is one."""
        gpu = min(range(len(self._last)), key=lambda each: self._becomes_free(each, job.arrives))
        begins = max(job.arrives, self._last[gpu][1])
        self._last[gpu] = (begins, begins + job.takes)
        return begins

    def _becomes_free(self, gpu: int, now: float) -> tuple[float, bool]:
        """Return when the second place of `gpu` is free, and whether it has work by then."""
        begins, ends = self._last[gpu]
        return max(begins, now), ends > now


class AtArrival:
    """Every job is bound to a GPU when it arrives, and waits there; `choose` picks the GPU."""

    def __init__(self, gpus: int, choose: Callable[[int], int]) -> None:
        self._free = [0.0] * gpus
        self._choose = choose
        self._numbers = itertools.count()

    def begin(self, job: Job) -> float:
        gpu = self._choose(next(self._numbers))
        begins = max(job.arrives, self._free[gpu])
        self._free[gpu] = begins + job.takes
        return begins


@dataclass
class Connections:
    """The connections that one proxy sees: how many each GPU has, and which GPU has fewest.

    At the beginning each proxy has an order of its own, as after some time they do.
    """

    gpus: int
    dice: random.Random
    counts: list[int] = field(init=False)
    _order: list[tuple[int, int, int]] = field(init=False)
    _stamps: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.counts = [0] * self.gpus
        order = self.dice.sample(range(self.gpus), self.gpus)
        self._order = [(0, -self.gpus + place, gpu) for place, gpu in enumerate(order)]

    def fewest(self) -> int:
        """Return the GPU with the fewest; of several the one whose number changed longest ago."""
        while self._order[0][0] != self.counts[self._order[0][2]]:
            heapq.heappop(self._order)
        return self._order[0][2]

    def change(self, gpu: int, by: int) -> None:
        self.counts[gpu] += by
        heapq.heappush(self._order, (self.counts[gpu], next(self._stamps), gpu))


class FewestConnections:
    """Each of `proxies` sends to the GPU to which it has the fewest connections, of which it sees its own."""

    def __init__(self, gpus: int, proxies: int, dice: random.Random) -> None:
        self._free = [0.0] * gpus
        self._proxies = [Connections(gpus, dice) for _ in range(proxies)]
        self._open: list[tuple[float, int, int]] = []
        self._dice = dice

    def begin(self, job: Job) -> float:
        self._close_until(job.arrives)
        proxy = self._dice.randrange(len(self._proxies))
        gpu = self._proxies[proxy].fewest()
        begins = max(job.arrives, self._free[gpu])
        self._free[gpu] = begins + job.takes
        self._proxies[proxy].change(gpu, 1)
        heapq.heappush(self._open, (self._free[gpu], proxy, gpu))
        return begins

    def _close_until(self, now: float) -> None:
        while self._open and self._open[0][0] <= now:
            _, proxy, gpu = heapq.heappop(self._open)
            self._proxies[proxy].change(gpu, -1)


class BetterOfTwo:
    """Of two GPUs at random the one with fewer requests: the router of Ray's own proxy."""

    def __init__(self, gpus: int, dice: random.Random) -> None:
        self._busy_until: list[list[float]] = [[] for _ in range(gpus)]
        self._dice = dice

    def begin(self, job: Job) -> float:
        pair = [self._waiting(self._dice.randrange(len(self._busy_until)), job.arrives) for _ in range(2)]
        queue = min(pair, key=len)
        begins = max(job.arrives, queue[-1] if queue else 0.0)
        queue.append(begins + job.takes)
        return begins

    def _waiting(self, gpu: int, now: float) -> list[float]:
        """Return when each request of `gpu` that is not done by `now` will be, in their order."""
        queue = self._busy_until[gpu]
        while queue and queue[0] <= now:
            queue.pop(0)
        return queue


def balancers(gpus: int, dice: random.Random) -> dict[str, Balancer]:
    """Return what is compared, by its name."""
    several = {8: 2, 64: 8, 1000: 16}.get(gpus)
    found: dict[str, Balancer] = {
        "one queue (one process with as many slots)": OneQueue(gpus),
        **({"one queue and one ahead (HAProxy before cards)": OneAhead(gpus)} if gpus <= 16 else {}),
        "fewest connections, one proxy (a Ray cell)": FewestConnections(gpus, 1, dice),
    }
    if several:
        found[f"fewest connections, {several} proxies"] = FewestConnections(gpus, several, dice)
    if gpus == 1000:
        found["fewest connections, 125 proxies (one for each node)"] = FewestConnections(gpus, 125, dice)
    found["better of two (Ray's own proxy)"] = BetterOfTwo(gpus, dice)
    found["in turn"] = AtArrival(gpus, lambda number: number % gpus)
    found["at random"] = AtArrival(gpus, lambda _: dice.randrange(gpus))
    return found


def jobs(gpus: int, load: float, dice: random.Random) -> Iterator[Job]:
    """Yield the requests that keep `gpus` busy for `load` of the time."""
    sigma = math.sqrt(math.log(1 + VARIATION**2))
    now = 0.0
    for _ in range(ARRIVALS):
        now += dice.expovariate(gpus * load)
        yield Job(now, dice.lognormvariate(-(sigma**2) / 2, sigma))


def waits(balancer: Balancer, gpus: int, load: float, seed: int) -> tuple[float, float]:
    """Return the mean wait and that of the 99th percentile, in mean jobs."""
    found = [balancer.begin(job) - job.arrives for job in jobs(gpus, load, random.Random(seed))]
    steady = found[int(UNTIL_STEADY * ARRIVALS) :]
    return statistics.fmean(steady), statistics.quantiles(steady, n=100)[98]


def balance(gpus: int, load: float, seeds: Sequence[int]) -> dict[str, dict[str, float | list[float]]]:
    """Return, for each balancer, the median over `seeds` and the spread of the 99th percentile."""
    table = {}
    for name in balancers(gpus, random.Random(0)):
        runs = [waits(balancers(gpus, random.Random(seed + 1000))[name], gpus, load, seed) for seed in seeds]
        slow = sorted(slowest for _, slowest in runs)
        table[name] = {
            "mean": round(statistics.median(mean for mean, _ in runs), 2),
            "p99": round(statistics.median(slow), 1),
            "p99_spread": [round(slow[0], 1), round(slow[-1], 1)],
        }
    return table


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that all requests share."""

    name: str
    each: float
    """What one GPU at full work asks of it."""
    capacity: float
    unit: str
    known: str
    """Where the capacity comes from."""

    @property
    def full_at(self) -> int:
        """The number of GPUs that fill it."""
        return int(self.capacity / self.each)


def resources(times_real_time: float) -> list[Resource]:
    """Return what all GPUs of one address share, each of which works at `times_real_time`."""
    mp3, pcm, wav = (kilobits * times_real_time / 1e6 for kilobits in (128, 256, 1411.2))
    ten_seconds, ten_minutes = times_real_time / 10, times_real_time / 600
    link, published = "speed of the link", "published by Ray's makers"
    return [
        Resource("one address at 10 Gb/s, WAV 44.1 kHz stereo", wav, 10, "Gb/s", link),
        Resource("one address at 10 Gb/s, 16 kHz mono samples", pcm, 10, "Gb/s", link),
        Resource("one address at 10 Gb/s, MP3 128 kb/s", mp3, 10, "Gb/s", link),
        Resource("one address at 100 Gb/s, WAV 44.1 kHz stereo", wav, 100, "Gb/s", link),
        Resource("one address at 100 Gb/s, MP3 128 kb/s", mp3, 100, "Gb/s", link),
        Resource("Ray's own proxy, clips of 10 s", ten_seconds, 1280, "requests/s", published),
        Resource("HAProxy, clips of 10 s", ten_seconds, 14_220, "requests/s", published),
        Resource("HAProxy, recordings of 10 min", ten_minutes, 14_220, "requests/s", published),
        Resource("Ray's controller, a health check each 10 s", 0.00005, 1, "cores", published),
        Resource("actors of one Ray cluster", 1.3, 10_000, "actors", published),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--times-real-time", type=float, default=158, help="of one GPU, all stages")
    chosen = parser.parse_args()
    waiting = {
        f"{gpus} GPUs at {load:.0%}": balance(gpus, load, range(chosen.seeds))
        for gpus, load in ((2, 0.7), (4, 0.7), (8, 0.7), (8, 0.9), (64, 0.7), (64, 0.9), (1000, 0.9))
    }
    shared = sorted(resources(chosen.times_real_time), key=lambda resource: resource.full_at)
    filled = [
        {"name": r.name, "full_at_gpus": r.full_at, "capacity": f"{r.capacity:g} {r.unit}", "known": r.known}
        for r in shared
    ]
    report = {
        "seeds": chosen.seeds,
        "times_real_time": chosen.times_real_time,
        "waits_in_mean_jobs": waiting,
        "full_first": filled,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
