"""How much is measured: everything, or as little as shows that a benchmark runs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """What a benchmark is told."""

    quick: bool
    device: str
    cache: Path
    """Where made models are kept between runs."""
    most_pairs: int = 5

    @property
    def pairs(self) -> int:
        """Return how many pairs are timed."""
        return 1 if self.quick else self.most_pairs
