"""Word alignment of a hypothesis with its reference."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class WordMatch:
    """`errors`: words swapped, added or left out; `pairs`: (reference, hypothesis) indices of equal words."""

    errors: int
    pairs: tuple[tuple[int, int], ...]


def match_words(reference: Sequence[str], hypothesis: Sequence[str]) -> WordMatch:
    """The alignment with the fewest errors."""
    rows, columns = len(reference), len(hypothesis)
    cost = np.zeros((rows + 1, columns + 1), int)
    cost[:, 0], cost[0] = range(rows + 1), range(columns + 1)
    for i in range(rows):
        for j in range(columns):
            swapped = cost[i, j] + (reference[i] != hypothesis[j])
            cost[i + 1, j + 1] = min(swapped, cost[i, j + 1] + 1, cost[i + 1, j] + 1)
    pairs = []
    i, j = rows, columns
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (reference[i - 1] != hypothesis[j - 1]):
            i, j = i - 1, j - 1
            if reference[i] == hypothesis[j]:
                pairs.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return WordMatch(int(cost[rows, columns]), tuple(reversed(pairs)))
