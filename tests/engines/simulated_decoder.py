"""A decoder with the costs of a card: a fixed time to launch, some for each row. It notes its batches."""

import threading
import time
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from app.engines.whisper.rows import Decoded, Encoded, Features, Reading, Row, Window


@dataclass
class SimulatedDecoder:
    """Writes for each chunk the number that its sound holds; one batch at a time, as a card does.

    While `gate` is closed, a batch waits inside.
    """

    launch_seconds: float = 0.0
    row_seconds: float = 0.0
    fits: int = 1 << 30
    """Larger batches run out of memory."""
    broken: frozenset[float] = frozenset()
    """Sounds on which it breaks."""
    batches: list[tuple[str, tuple[float, ...]]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)
    _card: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.gate.set()

    def encode(self, features: Sequence[Features]) -> list[Encoded]:
        self._work("encode", [each.seconds for each in features])
        return [Encoded(None, place, each.seconds) for place, each in enumerate(features)]

    def languages(self, windows: Sequence[Window]) -> list[Mapping[str, float]]:
        self._work("languages", [each.sound.seconds for each in windows])
        return [{"en": 1.0} for _ in windows]

    def decode(self, rows: Sequence[Row]) -> list[Decoded]:
        self._work("decode", [row.sound.seconds for row in rows])
        return [Decoded((int(row.sound.seconds),), -0.1, 0.0) for row in rows]

    def read_out(self, rows: Sequence[Row], written: Sequence[Sequence[int]]) -> list[Reading]:
        self._work("read out", [row.sound.seconds for row in rows])
        return [Reading((-0.1,) * len(tokens), (0.0,) * (len(tokens) + 1)) for tokens in written]

    def group(self, row: Row) -> Hashable:
        return row.search

    def _work(self, kind: str, sounds: Sequence[float]) -> None:
        with self._card:
            self.entered.set()
            self.gate.wait(10)
            self.batches.append((kind, tuple(sounds)))
            if len(sounds) > self.fits:
                raise RuntimeError("CUDA out of memory")
            if self.broken & set(sounds):
                raise RuntimeError("a chunk that breaks the engine")
            time.sleep(self.launch_seconds + self.row_seconds * len(sounds))
