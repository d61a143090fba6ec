"""What pyannote's and whisperX's own code makes of the recordings, kept in tests/data/stock.

`make test` compares with what is kept; `make test-references` computes it anew, compares with that, and
demands that what is kept is still the same; `make test-references ARGS=--keep` writes it down.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from app.transcript import Diarization, Segment, Turn

STOCK = Path(__file__).parents[1] / "data" / "stock"
DECIMALS = 6
"""Digits that are kept: far finer than a frame, and than what a test asks of a voice vector."""
Json = dict[str, Any]


class Stock:
    """Answers of the stock engines: kept ones, or with `recompute` those of the code that is installed."""

    def __init__(self, recompute: bool, keep: bool) -> None:
        self._recompute, self._keep = recompute or keep, keep

    def answer(self, name: str, compute: Callable[[], Json]) -> Json:
        """Return the stock answer called `name`, which `compute` gives."""
        path = STOCK / f"{name}.json"
        if not self._recompute:
            return read(path)
        fresh: Json = rounded(json.loads(json.dumps(compute())))
        if self._keep:
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(fresh, ensure_ascii=False) + "\n", encoding="utf-8")
        assert_alike(read(path), fresh)
        return fresh

    def diarization(self, name: str, compute: Callable[[], Diarization]) -> Diarization:
        kept = self.answer(f"diarization-{name}", lambda: asdict(compute()))
        turns, overlapping = (
            tuple(Turn(**turn) for turn in kept[field]) for field in ("turns", "overlapping_turns")
        )
        return Diarization(turns, overlapping, {who: tuple(each) for who, each in kept["embeddings"].items()})

    def alignment(
        self,
        name: str,
        segments: Callable[[], tuple[Segment, ...]],
        align: Callable[[list[Json]], list[Json]],
    ) -> tuple[tuple[Segment, ...], list[Json]]:
        """Return the segments that were aligned and what whisperX's `align` made of them.

        `segments` are asked for when answers are written down; later ones are compared on the kept segments.
        """

        def compute() -> Json:
            rows = rows_of(segments()) if self._keep else read(STOCK / f"alignment-{name}.json")["segments"]
            return {"segments": [dict(row) for row in rows], "answer": align(rows)}

        kept = self.answer(f"alignment-{name}", compute)
        return tuple(Segment(**row) for row in kept["segments"]), kept["answer"]


def rows_of(segments: tuple[Segment, ...]) -> list[Json]:
    """The segments in whisperX's own form."""
    return [{"start": s.start, "end": s.end, "text": s.text, "avg_logprob": s.avg_logprob} for s in segments]


def read(path: Path) -> Json:
    kept: Json = json.loads(path.read_text(encoding="utf-8"))
    return kept


def rounded(value: Any) -> Any:
    """The same with every number cut to DECIMALS."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def assert_alike(kept: Any, fresh: Any) -> None:
    """Words are the same, and numbers but for what another processor rounds differently."""
    if isinstance(kept, dict):
        assert kept.keys() == fresh.keys()
        for name in kept:
            assert_alike(kept[name], fresh[name])
    elif isinstance(kept, list):
        assert len(kept) == len(fresh)
        for one, other in zip(kept, fresh, strict=True):
            assert_alike(one, other)
    elif isinstance(kept, float):
        np.testing.assert_allclose(fresh, kept, atol=1e-5)
    else:
        assert kept == fresh
