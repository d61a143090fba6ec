"""How well the chunks of many clients share batches, on a simulated card: what could be done, and what is."""

import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch

from app.engines.whisper.rows import Features, Row, RowDecoder
from app.engines.whisper.shared_batches import SharedBatches
from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from tests.engines.simulated_decoder import SimulatedDecoder

MOST = 16
LAUNCH_SECONDS, ROW_SECONDS = 0.040, 0.002
"""Of one batch, encoding or decoding, and of each row in it."""
BETWEEN_SECONDS = 0.010
"""What a client does between two clips, on average."""
CLIENTS = (1, 4, 16, 64)


@dataclass(frozen=True, slots=True)
class Clip:
    """When a clip was asked for and how long its text took."""

    client: int
    seconds: float


def run(scale: Scale) -> Sequence[Figure]:
    """Return the share of the best possible throughput that is reached, by number of clients."""
    clips = 3 if scale.quick else 20
    return [figure for clients in CLIENTS for figure in _figures(clients, clips)]


def _figures(clients: int, clips: int) -> list[Figure]:
    together = min(clients, MOST)
    batch = 2 * (LAUNCH_SECONDS + together * ROW_SECONDS)
    alone = 2 * (LAUNCH_SECONDS + ROW_SECONDS)
    # beyond a full batch somebody always waits, so that the card need never idle
    best = clips * (batch * clients / together + (BETWEEN_SECONDS if clients <= MOST else 0.0))
    took, done = _measured(clients, clips)
    waits = sorted(clip.seconds for clip in done)
    slowest = [max(clip.seconds for clip in done if clip.client == client) for client in range(clients)]
    one_by_one = clips * clients * alone
    return [
        Figure(f"{clients} clients: share of the best batching", best / took, "", goal=">= 0.9"),
        Figure(f"{clients} clients: against one clip after another", one_by_one / took, "x"),
        Figure(
            f"{clients} clients: 95 % of clips within", waits[int(0.95 * len(waits))] / alone, "x one alone"
        ),
        Figure(
            f"{clients} clients: slowest clip, unluckiest client to luckiest",
            max(slowest) / min(slowest),
            "x",
        ),
    ]


def _measured(clients: int, clips: int) -> tuple[float, list[Clip]]:
    shared = SharedBatches(SimulatedDecoder(LAUNCH_SECONDS, ROW_SECONDS), MOST)
    begin = threading.Barrier(clients + 1)
    with ThreadPoolExecutor(clients) as threads:
        futures = [threads.submit(_client, shared, number, clips, begin) for number in range(clients)]
        begin.wait()
        started = time.perf_counter()
        done = [clip for future in futures for clip in future.result()]
        return time.perf_counter() - started, done


def _client(shared: SharedBatches, number: int, clips: int, begin: threading.Barrier) -> list[Clip]:
    chance = random.Random(number)
    done = []
    begin.wait()
    for _ in range(clips):
        time.sleep(chance.uniform(0.5, 1.5) * BETWEEN_SECONDS)
        started = time.perf_counter()
        decoder = shared.for_request(_nothing)
        _transcribe(decoder)
        done.append(Clip(number, time.perf_counter() - started))
    return done


def _transcribe(decoder: RowDecoder) -> None:
    sounds = decoder.encode([Features(torch.zeros(1), 10.0)])
    decoder.decode([Row(sound, (1,)) for sound in sounds])


def _nothing() -> None:
    """Nobody leaves."""
