"""The order in which waiting work is served: clients take turns, each in the order of its own arrivals."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Round robin over clients: each turn serves one item, then the client goes to the end of the line."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, deque[T]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def push(self, item: T, client: str) -> None:
        """Add `item` behind the others of `client`."""
        self._lines.setdefault(client, deque()).append(item)

    def pop(self) -> T:
        """Remove and return the item whose turn it is.

        Raises:
            IndexError: the queue is empty.
        """
        if not self._lines:
            raise IndexError("the queue is empty")
        client, line = self._lines.popitem(last=False)
        item = line.popleft()
        if line:
            self._lines[client] = line
        return item

    def in_order(self) -> Iterator[T]:
        """Yield the items in the order in which they will be served, if no others come."""
        for turn in range(max(map(len, self._lines.values()), default=0)):
            yield from (line[turn] for line in self._lines.values() if turn < len(line))

    def remove(self, item: T) -> bool:
        """Take `item` out of the queue; False if it is not there."""
        for client, line in self._lines.items():
            for place, waiting in enumerate(line):
                if waiting is item:
                    del line[place]
                    if not line:
                        del self._lines[client]
                    return True
        return False
