"""Two ways of doing the same work, timed in turn in one process on the same input."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Seconds of the reference and of ours, pair by pair; ratio = reference / ours: more is better."""

    name: str
    reference_seconds: tuple[float, ...]
    our_seconds: tuple[float, ...]
    equality: str
    """What was compared of the two results, and how it came out."""
    goal: float | None = None

    @property
    def ratios(self) -> list[float]:
        return [
            reference / ours for reference, ours in zip(self.reference_seconds, self.our_seconds, strict=True)
        ]

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "ratio": round(statistics.median(self.ratios), 3),
            "ratio_spread": [round(min(self.ratios), 3), round(max(self.ratios), 3)],
            "goal": self.goal,
            "reference_seconds": round(statistics.median(self.reference_seconds), 4),
            "our_seconds": round(statistics.median(self.our_seconds), 4),
            "pairs": len(self.ratios),
            "equality": self.equality,
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A single number with its unit."""

    name: str
    value: float
    unit: str
    note: str = ""
    goal: str | None = None

    def as_json(self) -> dict[str, Any]:
        listed = {"name": self.name, "value": round(self.value, 4), "unit": self.unit, "goal": self.goal}
        return listed | ({"note": self.note} if self.note else {})


def compare(
    name: str,
    reference: Callable[[], A],
    ours: Callable[[], B],
    equality: Callable[[A, B], str],
    *,
    pairs: int,
    goal: float | None = None,
) -> Comparison:
    """Return the seconds of `pairs` runs of each, taking turns at going first, after one unmeasured run."""
    agreed = equality(reference(), ours())
    times: dict[str, list[float]] = {"reference": [], "ours": []}
    for pair in range(pairs):
        order = [("reference", reference), ("ours", ours)]
        for label, run in order if pair % 2 == 0 else order[::-1]:
            started = time.perf_counter()
            run()
            times[label].append(time.perf_counter() - started)
    return Comparison(name, tuple(times["reference"]), tuple(times["ours"]), agreed, goal)
