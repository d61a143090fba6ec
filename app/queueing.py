"""Whose turn it is: first come, first served, with a fair share for each client."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Line(Generic[T]):
    """The items one client waits for, and the virtual time at which its next one is due."""

    due: float
    items: deque[tuple[int, T]] = field(default_factory=deque)


class FairQueue(Generic[T]):
    """Weighted fair queueing with equal weights (Demers, Keshav, Shenker 1989), counted in items.

    Each served item moves its client's next turn one step back. The common clock advances by one step per
    round over the waiting clients, so that who comes back does not overtake and who was away saves nothing.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line[T]] = {}
        self._served_ahead: dict[str, float] = {}
        self._now = 0.0
        self._arrivals = 0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def push(self, item: T, client: str) -> None:
        """Add `item` at the end of the line of `client`."""
        line = self._lines.get(client)
        if line is None:
            due = max(self._now, self._served_ahead.pop(client, 0.0))
            line = self._lines[client] = _Line(due)
        self._arrivals += 1
        line.items.append((self._arrivals, item))
        self._length += 1

    def pop(self) -> T:
        """Remove and return the item whose turn it is.

        Raises:
            IndexError: the queue is empty.
        """
        if not self._lines:
            raise IndexError("the queue is empty")
        client, line = min(self._lines.items(), key=lambda entry: (entry[1].due, entry[1].items[0][0]))
        _, item = line.items.popleft()
        self._length -= 1
        self._now = max(self._now + 1 / len(self._lines), line.due)
        line.due += 1
        self._forget(client, line)
        return item

    def remove(self, item: T) -> bool:
        """Take `item` out of the queue; False if it is not there."""
        for client, line in self._lines.items():
            for entry in line.items:
                if entry[1] is item:
                    line.items.remove(entry)
                    self._length -= 1
                    self._forget(client, line)
                    return True
        return False

    def _forget(self, client: str, line: _Line[T]) -> None:
        """Drop an empty line, and what was remembered of clients whose share is even again."""
        if not line.items:
            del self._lines[client]
            self._served_ahead[client] = line.due
        self._served_ahead = {name: due for name, due in self._served_ahead.items() if due > self._now}
