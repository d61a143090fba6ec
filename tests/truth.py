"""Compares an answer with what was really said: words, times and speakers."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

Spoken = Mapping[str, Any]
"""A word as JSON has it: word, start?, end?, speaker?, and in truth files exact?."""


def load_truth(recording: Path) -> dict[str, Any]:
    """Return the truth that lies beside `recording`."""
    truth: dict[str, Any] = json.loads(recording.with_suffix(".json").read_text(encoding="utf-8"))
    return truth


def spelled(text: str) -> str:
    """Return the letters of `text` alone, in lower case."""
    return re.sub(r"[\W_]", "", text.lower())


@dataclass(frozen=True)
class Comparison:
    """How an answer's words stand against the truth's."""

    errors: int
    pairs: tuple[tuple[Spoken, Spoken], ...]
    """(true word, answered word) of the same spelling."""
    total: int

    @property
    def word_error_rate(self) -> float:
        return self.errors / self.total

    def boundary_errors(self) -> list[float]:
        """Return how far the starts and ends of exactly known words are off, in seconds."""
        known = [(true, said) for true, said in self.pairs if true.get("exact", True)]
        return [abs(said[edge] - true[edge]) for true, said in known for edge in ("start", "end")]

    def share_with_right_speaker(self) -> float:
        """Return the share of words with the right speaker, under the best naming of the speakers."""
        seen = Counter((true["speaker"], said.get("speaker")) for true, said in self.pairs)
        true_names = sorted({true for true, _ in seen})
        said_names: list[str | None] = sorted({said for _, said in seen if said is not None})
        said_names += [None] * (len(true_names) - len(said_names))
        best = max(
            sum(seen[pair] for pair in zip(true_names, names, strict=True))
            for names in permutations(said_names, len(true_names))
        )
        return best / len(self.pairs)


def compare(true: Sequence[Spoken], said: Sequence[Spoken]) -> Comparison:
    """Return the comparison with the fewest insertions, deletions and substitutions."""
    left, right = [spelled(w["word"]) for w in true], [spelled(w["word"]) for w in said]
    cost = [list(range(len(right) + 1))]
    for i, word in enumerate(left, 1):
        row = [i]
        for j, other in enumerate(right, 1):
            row.append(min(cost[i - 1][j] + 1, row[j - 1] + 1, cost[i - 1][j - 1] + (word != other)))
        cost.append(row)
    pairs = []
    i, j = len(left), len(right)
    while i and j:
        if cost[i][j] == cost[i - 1][j - 1] + (left[i - 1] != right[j - 1]):
            i, j = i - 1, j - 1
            if left[i] == right[j]:
                pairs.append((true[i], said[j]))
        elif cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return Comparison(cost[-1][-1], tuple(reversed(pairs)), len(left))


def mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
