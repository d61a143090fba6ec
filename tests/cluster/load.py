"""Clients that send recordings and note what came back."""

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import psutil

from tests.wire import form

QUERY = {"encode": "false", "word_timestamps": "false", "language": "en", "output_format": "json"}
PCM = bytes(10_000)
"""A third of a second of silence as raw PCM, which needs no decoder."""
LONGEST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What one client got for its request."""

    token: str
    status: int
    """0: the connection broke before there was an answer."""
    seconds: float
    code: str = ""
    heard: str = ""
    retry_after: str | None = None


async def send(
    client: httpx.AsyncClient, token: str, seconds: float, body: bytes = PCM, **headers: str
) -> Answer:
    """Have `seconds` of work done under the name of `token`."""
    began = time.monotonic()
    try:
        got = await client.post(
            "/asr",
            params={**QUERY, "initial_prompt": f"{token}:{seconds}"},
            files={"audio_file": ("a.pcm", body)},
            headers=headers,
        )
    except httpx.TransportError as exc:
        return Answer(token, 0, time.monotonic() - began, repr(exc))
    spent = time.monotonic() - began
    if got.status_code != 200:
        reason = got.json()["code"] if "json" in got.headers["content-type"] else got.text
        return Answer(token, got.status_code, spent, reason, retry_after=got.headers.get("Retry-After"))
    return Answer(token, 200, spent, heard=got.json()["text"][0]["text"])


async def send_until_done(client: httpx.AsyncClient, token: str, seconds: float) -> list[Answer]:
    """Send, and once more where the cell lost the request, as a client should."""
    first = await send(client, token, seconds)
    if first.status == 200:
        return [first]
    await asyncio.sleep(0.2)
    return [first, await send(client, f"{token}-again", seconds)]


def with_clients(url: str, work: Callable[[httpx.AsyncClient], Awaitable[list[Answer]]]) -> list[Answer]:
    """Return what `work` returns; it gets a client with as many connections as it wants."""

    async def whole() -> list[Answer]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        async with httpx.AsyncClient(base_url=url, timeout=LONGEST_SECONDS, limits=limits) as client:
            return await work(client)

    return asyncio.run(whole())


def keep_busy(
    url: str,
    clients: int,
    seconds: Callable[[int], float],
    *,
    requests: int | None = None,
    until: Callable[[], bool] = lambda: False,
    name: str = "t",
) -> list[Answer]:
    """Let `clients` send one request after the other, `requests` in all or until `until` says so.

    The tokens are `name` and a number.
    """
    numbers: Iterable[int] = itertools.count() if requests is None else range(requests)
    remaining = iter(numbers)

    async def one_client(client: httpx.AsyncClient) -> list[Answer]:
        answers: list[Answer] = []
        for number in remaining:
            if until():
                break
            answers += await send_until_done(client, f"{name}{number}", seconds(number))
        return answers

    async def work(client: httpx.AsyncClient) -> list[Answer]:
        every = await asyncio.gather(*(one_client(client) for _ in range(clients)))
        return list(itertools.chain.from_iterable(every))

    return with_clients(url, work)


def statuses(answers: Iterable[Answer]) -> Counter[int]:
    """Return how often each status came back."""
    return Counter(answer.status for answer in answers)


@contextmanager
def under_load(url: str, clients: int, seconds: float, name: str = "t") -> Iterator[list[Answer]]:
    """Keep the service busy during the block; the answers are complete after it."""
    over = threading.Event()
    answers: list[Answer] = []

    def work() -> None:
        answers.extend(keep_busy(url, clients, lambda _: seconds, until=over.is_set, name=name))

    load = threading.Thread(target=work)
    load.start()
    try:
        yield answers
    finally:
        over.set()
        load.join(60)


def growth_of_a_gigabyte(
    url: str, replicas: list[psutil.Process], proxies: list[psutil.Process]
) -> tuple[int, int]:
    """Send 10^9 bytes as fast as they are taken; return by how many bytes any process of each kind grew."""
    before = {process: process.memory_info().rss for process in (*replicas, *proxies)}
    grown = dict.fromkeys(before, 0)

    def body() -> Iterator[bytes]:
        yield form(b"", end=False)
        for _ in range(999):
            yield bytes(1_000_000)
            for process, less in before.items():
                grown[process] = max(grown[process], process.memory_info().rss - less)
        yield form(b"")[-20:]

    headers = {"Content-Type": "multipart/form-data; boundary=frontier"}
    answer = httpx.post(f"{url}/asr", content=body(), headers=headers, timeout=120)
    assert answer.json()["code"] in ("invalid_audio", "no_audio_track")
    return max(grown[each] for each in replicas), max(grown[each] for each in proxies)
