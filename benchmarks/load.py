"""Two hundred clients at once, good, bad, huge, slow and vanishing, on the real service with the demo bundle.

    nice .venv/bin/python -m benchmarks.load [--clients 200] [--requests 2000]

Every accepted request must get the transcript it gets alone, every refusal must be typed, and memory, open
files and the upload directory must be back where they were. Writes benchmarks/results/load.json; exit 1 if
not so.
"""

import argparse
import asyncio
import collections
import json
import multiprocessing
import os
import random
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TypeAlias

import httpx
import psutil

from benchmarks.machine import describe
from tests.service import ROOT, Service, running_service

SETTINGS = {
    "MAX_QUEUE_SIZE": "60",
    "MAX_FILE_SIZE_MB": "20",
    "UPLOAD_STALL_SECONDS": "5",
    "QUEUE_TIMEOUT": "600",
    "LOG_FORMAT": "json",
}
SENTENCES = sorted((ROOT / "tests" / "data").glob("sentence-en-*.flac"))[:4]
RESULTS = ROOT / "benchmarks" / "results" / "load.json"
SHARES = {
    "good": 40,
    "bad": 20,
    "huge": 10,
    "slow": 10,
    "stalling": 5,
    "leaves_upload": 10,
    "leaves_queue": 5,
}
TYPED = {400, 408, 413, 503}
PROBES = {"/health": ("GET", "/health"), "/docs": ("GET", "/docs"), "refusal": ("POST", "/asr?task=sing")}
"""What must come at once however much there is to do."""
Seconds: TypeAlias = dict[str, list[float]]
BUSY_SECONDS = 10
"""A client that was told to come back later waits up to this long."""


@dataclass
class Tally:
    """What came back."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    good_seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    most_rss: int = 0


class Load:
    """Sends the requests and judges the answers."""

    def __init__(self, service: Service, truth: dict[Path, str]) -> None:
        self.tally = Tally()
        self._service = service
        self._truth = truth
        self._dice = random.Random(7)
        host, port = service.url.removeprefix("http://").split(":")
        self._address = (host, int(port))
        self._client = httpx.AsyncClient(
            base_url=service.url, timeout=900, limits=httpx.Limits(max_connections=None)
        )

    async def run(self, clients: int, requests: int) -> None:
        kinds = self._dice.choices(list(SHARES), list(SHARES.values()), k=requests)
        pending = iter(kinds)

        async def client() -> None:
            for kind in pending:
                if await self._one(kind) == "503 busy":
                    await asyncio.sleep(self._dice.uniform(1, BUSY_SECONDS))

        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(client() for _ in range(clients)))
        watching.cancel()
        await self._client.aclose()

    async def _one(self, kind: str) -> str:
        action: Callable[[], Awaitable[str]] = getattr(self, f"_{kind}")
        try:
            outcome = await action()
        except (httpx.TransportError, OSError) as exc:
            outcome = type(exc).__name__
            if kind in ("good", "bad", "slow"):
                self.tally.faults.append(f"{kind}: no answer: {exc!r}")
        self.tally.outcomes[f"{kind}: {outcome}"] += 1
        return outcome

    async def _good(self) -> str:
        path = self._dice.choice(SENTENCES)
        began = time.monotonic()
        answer = await self._client.post("/asr", files={"audio_file": path.read_bytes()})
        return self._judge("good", answer, path, time.monotonic() - began)

    async def _bad(self) -> str:
        content = self._dice.choice(
            [b"", b"%PDF-1.7", os.urandom(20000), b"#EXTM3U\n/etc/passwd\n", bytes(5000)]
        )
        answer = await self._client.post("/asr", files={"audio_file": content})
        if answer.status_code not in (400, 503):
            self.tally.faults.append(f"bad: {answer.status_code} {answer.text[:200]}")
        return self._typed(answer)

    async def _huge(self) -> str:
        async def endless() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="audio_file"\r\n\r\n'
            for _ in range(600):
                yield bytes(65536)

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await self._client.post("/asr", content=endless(), headers=headers)
        if answer.status_code not in (413, 503):
            self.tally.faults.append(f"huge: {answer.status_code}")
        return self._typed(answer)

    async def _slow(self) -> str:
        path = self._dice.choice(SENTENCES)
        content = path.read_bytes()

        async def trickle() -> AsyncIterator[bytes]:
            yield b'--b\r\nContent-Disposition: form-data; name="audio_file"\r\n\r\n'
            step = max(1024, len(content) // 10)
            for start in range(0, len(content), step):
                await asyncio.sleep(0.3)
                yield content[start : start + step]
            yield b"\r\n--b--\r\n"

        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        answer = await self._client.post("/asr", content=trickle(), headers=headers)
        return self._judge("slow", answer, path, None)

    async def _stalling(self) -> str:
        reader, writer = await self._open(bytes(3000), announced=100_000)
        try:
            first = await asyncio.wait_for(reader.readline(), 60)
            return first.decode().split()[1] if first else "closed"
        finally:
            writer.close()

    async def _leaves_upload(self) -> str:
        _, writer = await self._open(bytes(50_000), announced=1_000_000)
        await asyncio.sleep(self._dice.random())
        _reset(writer)
        return "left"

    async def _leaves_queue(self) -> str:
        content = self._dice.choice(SENTENCES).read_bytes() + b"\r\n--b--\r\n"
        _, writer = await self._open(content, announced=len(content) + 62)
        await asyncio.sleep(3 * self._dice.random())
        _reset(writer)
        return "left"

    async def _open(
        self, content: bytes, announced: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._address)
        head = "POST /asr HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        head += f"Content-Length: {announced}"
        part = b'--b\r\nContent-Disposition: form-data; name="audio_file"\r\n\r\n'
        writer.write(head.encode() + b"\r\n\r\n" + part + content)
        await writer.drain()
        return reader, writer

    def _judge(self, kind: str, answer: httpx.Response, path: Path, seconds: float | None) -> str:
        if answer.status_code != 200:
            if answer.status_code != 503:
                self.tally.faults.append(f"{kind}: {answer.status_code} {answer.text[:200]}")
            return self._typed(answer)
        if said(answer) != self._truth[path]:
            self.tally.faults.append(
                f"{kind}: another transcript: {said(answer)!r} for {self._truth[path]!r}"
            )
        if seconds is not None:
            self.tally.good_seconds.append(seconds)
        return "200"

    def _typed(self, answer: httpx.Response) -> str:
        body = answer.json()
        if answer.status_code not in TYPED or set(body) != {"detail", "code", "request_id"}:
            self.tally.faults.append(f"untyped: {answer.status_code} {answer.text[:200]}")
        if answer.status_code == 503 and "retry-after" not in answer.headers:
            self.tally.faults.append("503 without Retry-After")
        return f"{answer.status_code} {body.get('code')}"

    async def _watch(self) -> None:
        process = psutil.Process(self._service.process.pid)
        while True:
            self.tally.most_rss = max(self.tally.most_rss, process.memory_info().rss)
            await asyncio.sleep(0.2)


def probe(url: str, over: Event, results: "Connection[Seconds, None]") -> None:
    """Ask for PROBES again and again, in a process of its own, so that the clients' work is not measured."""
    seconds: Seconds = {name: [] for name in PROBES}
    with httpx.Client(base_url=url, timeout=30) as client:
        while not over.wait(0.1):
            for name, (method, path) in PROBES.items():
                began = time.monotonic()
                client.request(method, path)
                seconds[name].append(time.monotonic() - began)
    results.send(seconds)


@contextmanager
def probed(service: Service) -> Iterator[Seconds]:
    """Yield what holds, after the block, how long each of PROBES took during it."""
    seconds: Seconds = {}
    over = multiprocessing.Event()
    receiving, sending = multiprocessing.Pipe(duplex=False)
    prober = multiprocessing.Process(target=probe, args=(service.url, over, sending), daemon=True)
    prober.start()
    try:
        yield seconds
    finally:
        over.set()
        seconds |= receiving.recv()
        prober.join()


def said(answer: httpx.Response) -> str:
    return " ".join(segment["text"].strip() for segment in answer.json()["segments"])


def _reset(writer: asyncio.StreamWriter) -> None:
    """Leave as a killed process does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    writer.transport.abort()


def state(service: Service) -> dict[str, float]:
    process = psutil.Process(service.process.pid)
    return {
        "rss_mb": round(process.memory_info().rss / 1e6, 1),
        "open_files": process.num_fds(),
        "threads": process.num_threads(),
        "children": len(process.children(recursive=True)),
    }


def settle(service: Service) -> None:
    """Wait until nothing runs or waits."""
    for _ in range(600):
        queue = service.health().json()["queue"]
        if (queue["running"], queue["waiting"]) == (0, 0):
            break
        time.sleep(0.2)
    time.sleep(6)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--requests", type=int, default=2000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, running_service(Path(directory), SETTINGS) as service:
        truth = {}
        for _ in range(2):
            for path in SENTENCES:
                files = {"audio_file": path.read_bytes()}
                truth[path] = said(httpx.post(f"{service.url}/asr", files=files, timeout=300))
        # Threads and allocator arenas of a first crowd are no leak; what a second one adds would be.
        asyncio.run(Load(service, truth).run(chosen.clients, chosen.requests // 4))
        settle(service)
        before = state(service)
        load = Load(service, truth)
        began = time.monotonic()
        with probed(service) as answer_seconds:
            asyncio.run(load.run(chosen.clients, chosen.requests))
        seconds = time.monotonic() - began
        settle(service)
        after = state(service)
        left = [str(path) for path in (Path(directory) / "uploads").rglob("*")]
        tracebacks = service.log.count("Traceback")
    tally = load.tally
    if left or tracebacks or after["open_files"] > before["open_files"] + 2 or after["children"]:
        tally.faults.append(f"left behind: {left}, {tracebacks} tracebacks, {before} -> {after}")
    if after["rss_mb"] > before["rss_mb"] + 60:
        tally.faults.append(f"memory: {before['rss_mb']} -> {after['rss_mb']} MB")
    figures = {
        "machine": describe(),
        "settings": SETTINGS,
        "clients": chosen.clients,
        "requests": chosen.requests,
        "seconds": round(seconds, 1),
        "outcomes": dict(sorted(tally.outcomes.items())),
        "good_seconds": _spread(tally.good_seconds),
        "answer_seconds": {name: _spread(seconds) for name, seconds in answer_seconds.items()},
        "before": before,
        "most_rss_mb": round(tally.most_rss / 1e6, 1),
        "after": after,
        "left_in_upload_directory": left,
        "faults": tally.faults,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    return 1 if tally.faults else 0


def _spread(values: list[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"count": len(values)}
    cuts = statistics.quantiles(values, n=100)
    return {
        "count": len(values),
        "median": round(cuts[49], 3),
        "p95": round(cuts[94], 3),
        "p99": round(cuts[98], 3),
        "longest": round(max(values), 3),
    }


if __name__ == "__main__":
    sys.exit(main())
