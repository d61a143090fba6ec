"""Which card is enough for which model: from the memory that was measured on one with plenty of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.docs.tables import code, table

CARD_SIZES = (4, 6, 8, 10, 12, 16, 24, 32, 48, 80)
"""GB of the cards that are sold."""
SPARE = 1.1
"""What a card should have beyond the peak: another recording, another driver."""
QUALITY = ("tiny", "base", "small", "medium", "turbo", "large-v3")
"""Whisper models, the best last."""
_NAME = re.compile(r"peak with all three engines, (?P<model>\S+) (?P<kind>\S+), batch (?P<batch>\d+)")
_LOADED = re.compile(r"loaded (?P<loaded>[\d.]+) GB")


@dataclass(frozen=True)
class Peak:
    """What one choice of settings took of the GPU, in GB (10^9 bytes)."""

    model: str
    compute_type: str
    batch_size: int
    loaded: float
    most: float

    @property
    def card(self) -> int:
        """Size of the smallest card that holds it with something to spare."""
        return next(size for size in CARD_SIZES if size >= self.most * SPARE)

    @property
    def settings(self) -> str:
        """Return the settings as they are written in .env; what is the default is left out."""
        chosen = {
            "PRELOAD_MODEL": self.model if self.model != "large-v3" else "",
            "COMPUTE_TYPE": self.compute_type if self.compute_type != "float16" else "",
            "BATCH_SIZE": str(self.batch_size) if self.batch_size != 16 else "",
        }
        return ", ".join(code(f"{name}={value}") for name, value in chosen.items() if value) or "the defaults"


def cards_table(results: Mapping[str, Any]) -> str:
    """Return the README's table: for each size of card the best model that fits, with the largest batch."""
    best: dict[int, Peak] = {}
    for peak in sorted(_peaks(results), key=lambda each: (QUALITY.index(each.model), each.most)):
        best[peak.card] = peak
    rows = [
        (f"{size} GB", f"{peak.model}, {peak.compute_type}", peak.settings, f"{peak.most:.1f} GB")
        for size, peak in sorted(best.items())
    ]
    return table(("Card", "Model", "Settings", "Measured peak"), rows)


def memory_table(results: Mapping[str, Any]) -> str:
    """Return the table of every peak that was measured."""
    rows = [
        (code(peak.model), code(peak.compute_type), str(peak.batch_size), f"{peak.loaded:.1f} GB",
         f"{peak.most:.1f} GB", f"{peak.card} GB")
        for peak in _peaks(results)
    ]  # fmt: skip
    heads = ("Model", "COMPUTE_TYPE", "BATCH_SIZE", "Loaded, all three engines", "Peak", "Card from")
    return table(heads, rows)


def _peaks(results: Mapping[str, Any]) -> Iterator[Peak]:
    for row in results["memory"]["results"]:
        name, loaded = _NAME.fullmatch(row["name"]), _LOADED.match(row["note"])
        if name and loaded:
            yield Peak(name["model"], name["kind"], int(name["batch"]), float(loaded["loaded"]), row["value"])
