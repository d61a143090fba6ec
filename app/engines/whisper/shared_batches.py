"""Chunks of several requests in one batch: what stands before the weights that many requests share.

There is no thread of its own. Requests hand over their chunks and wait; whichever of them finds the weights
idle works on a batch for all. A batch takes from each request in turn, and only chunks that may share one.
"""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.checkpoint import Checkpoint
from app.engines.failures import is_out_of_memory
from app.engines.whisper.rows import Decoded, Encoded, Features, Reading, Row, RowDecoder, Window
from app.transcript import Seconds

LOOK_SECONDS = 0.1
"""How often a request that waits calls its checkpoint."""
PATIENCE = 0.25
"""How long a batch waits for chunks that are expected: this share of the time that the last one took."""

Work = Callable[[list[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """What may share a batch."""

    step: int
    """Of the steps of a chunk's way, from 0: what comes first is done first, so that later steps fill up."""
    name: str
    group: Hashable = None


@dataclass(slots=True, eq=False)
class Chunk:
    """One chunk that waits for its turn, and what became of it."""

    owner: int
    kind: Kind
    work: Work
    content: Any
    result: Any = None
    failure: Exception | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class _Past:
    """A batch that is done."""

    owners: int = 1
    """Number of requests in it."""
    seconds: Seconds = 0.0


class SharedBatches:
    """Lets several requests decode together, each by a RowDecoder of its own."""

    def __init__(self, decoder: RowDecoder, most: int) -> None:
        """Work with `decoder`, on at most `most` chunks at a time."""
        self._decoder = decoder
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[Chunk] = []
        """In the order in which they came."""
        self._numbers = itertools.count()
        self._working = False
        self._at_work: list[Chunk] = []
        self._last: dict[str, _Past] = {}
        """The last batch of each kind, by its name."""

    def for_request(self, checkpoint: Checkpoint) -> RowDecoder:
        """Return the decoder of one request, which calls `checkpoint` while it waits."""
        return _Member(self, self._decoder, next(self._numbers), checkpoint)

    @property
    def requests_now(self) -> int:
        """Number of requests whose chunks wait or are worked on."""
        with self._changed:
            return _owners([*self._waiting, *self._at_work])

    def work_off(self, chunks: Sequence[Chunk], checkpoint: Checkpoint) -> list[Any]:
        """Return the result of each of `chunks`, once all are done; the caller may work on those of others.

        What the checkpoint raises withdraws the chunks that are not begun.
        """
        with self._changed:
            self._waiting += chunks
            self._changed.notify_all()
        try:
            while not all(chunk.done for chunk in chunks):
                checkpoint()
                if batch := self._batch_to_do(chunks):
                    self._do(batch)
        finally:
            self._withdraw(chunks)
        for chunk in chunks:
            if chunk.failure is not None:
                raise chunk.failure
        return [chunk.result for chunk in chunks]

    def _withdraw(self, chunks: Sequence[Chunk]) -> None:
        with self._changed:
            self._waiting = [chunk for chunk in self._waiting if chunk not in chunks]

    def _batch_to_do(self, own: Sequence[Chunk]) -> list[Chunk]:
        """Return a batch that the caller has to work on, or none after a while or once `own` are done."""
        with self._changed:
            if self._working or not self._waiting:
                if not all(chunk.done for chunk in own):
                    self._changed.wait(LOOK_SECONDS)
                return []
            self._working = True
            self._let_it_fill()
            batch = next_batch(self._waiting, self._most)
            self._waiting = [chunk for chunk in self._waiting if chunk not in batch]
            self._at_work = batch
            return batch

    def _let_it_fill(self) -> None:
        """Wait a little for those who shared the last batches: they are likely to come again."""
        batch = next_batch(self._waiting, self._most)
        until = time.monotonic() + PATIENCE * self._last.get(batch[0].kind.name, _Past()).seconds
        expected = max((past.owners for past in self._last.values()), default=1)
        while len(batch) < self._most and _owners(batch) < expected:
            if (left := until - time.monotonic()) <= 0:
                return
            self._changed.wait(left)
            batch = next_batch(self._waiting, self._most)

    def _do(self, batch: Sequence[Chunk]) -> None:
        begun = time.monotonic()
        try:
            _work_together(batch)
            if any(chunk.failure for chunk in batch) and _owners(batch) > 1:
                self._do_apart(batch)
        finally:
            with self._changed:
                self._last[batch[0].kind.name] = _Past(_owners(batch), time.monotonic() - begun)
                self._working, self._at_work = False, []
                for chunk in batch:
                    chunk.done = True
                self._changed.notify_all()

    def _do_apart(self, batch: Sequence[Chunk]) -> None:
        """Do what failed together request by request, so that a failure meets the one whose it is."""
        if batch[0].failure is not None and is_out_of_memory(batch[0].failure):
            self._most = max(1, len(batch) // 2)
        for owner in dict.fromkeys(chunk.owner for chunk in batch):
            _work_together([chunk for chunk in batch if chunk.owner == owner])


def _owners(batch: Sequence[Chunk]) -> int:
    return len({chunk.owner for chunk in batch})


def _work_together(batch: Sequence[Chunk]) -> None:
    """Give each chunk of `batch` its result, or all of them what was raised."""
    try:
        results = batch[0].work([chunk.content for chunk in batch])
    except Exception as exc:
        for chunk in batch:
            chunk.failure = exc
    else:
        for chunk, result in zip(batch, results, strict=True):
            chunk.result, chunk.failure = result, None


def next_batch(waiting: Sequence[Chunk], most: int) -> list[Chunk]:
    """Return the chunks of `waiting`, which are in the order in which they came, to work on next.

    A batch that is full goes first, then the earliest step. Each request gives a chunk in turn.
    """
    kinds: dict[Kind, list[Chunk]] = {}
    for chunk in waiting:
        kinds.setdefault(chunk.kind, []).append(chunk)
    full = [chunks for chunks in kinds.values() if len(chunks) >= most]
    chosen = full[0] if full else min(kinds.values(), key=lambda chunks: chunks[0].kind.step)
    given: Counter[int] = Counter()
    turns = []
    for chunk in chosen:
        turns.append(given[chunk.owner])
        given[chunk.owner] += 1
    order = sorted(range(len(chosen)), key=turns.__getitem__)
    return [chosen[place] for place in order[:most]]


@dataclass(frozen=True, slots=True)
class _Member:
    """The decoder of one request; implements `app.engines.whisper.rows.RowDecoder`."""

    shared: SharedBatches
    decoder: RowDecoder
    number: int
    checkpoint: Checkpoint

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        """Return what the encoder makes of each chunk."""
        return self._together(self.decoder.encode, [(Kind(0, "encode"), each) for each in features])

    def languages(self, windows: Sequence[Window]) -> list[Mapping[str, float]]:
        """Return how probable each language is for each window."""
        return self._together(self.decoder.languages, [(Kind(1, "languages"), each) for each in windows])

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        """Return what is written for each row."""
        return self._together(
            self.decoder.decode, [(Kind(2, "decode", self.decoder.group(row)), row) for row in rows]
        )

    def read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        """Return when each of the tokens `written` for each row is said, and how probable it is."""

        def read(pairs: Sequence[tuple[Row, Sequence[int]]]) -> list[Reading]:
            return self.decoder.read_out([row for row, _ in pairs], [tokens for _, tokens in pairs])

        kinds = (Kind(3, "read out", row.prompt) for row in rows)
        return self._together(read, list(zip(kinds, zip(rows, written, strict=True), strict=True)))

    def group(self, row: Row) -> Hashable:
        """Return what rows must have in common to share a batch."""
        return self.decoder.group(row)

    def _together(self, work: Work, contents: Sequence[tuple[Kind, Any]]) -> list[Any]:
        chunks = [Chunk(self.number, kind, work, content) for kind, content in contents]
        return self.shared.work_off(chunks, self.checkpoint)
