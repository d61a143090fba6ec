"""What the driver says that the card holds, all processes counted; asked often, without using the card."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.engines.platform.gpu import gpu_free, gpu_size


def used() -> int:
    """Return bytes; 0 without a GPU."""
    return gpu_size() - gpu_free()


class Peak:
    """The most that was used above a floor."""

    def __init__(self, floor: int) -> None:
        self._floor = floor
        self._most = floor

    def look(self) -> None:
        """Take what is used now into account."""
        self._most = max(self._most, used())

    @property
    def gigabytes(self) -> float:
        """Return 10^9 bytes."""
        return (self._most - self._floor) / 1e9


@contextmanager
def peak_above(floor: int) -> Iterator[Peak]:
    """Yield what watches the card fifty times a second until the block ends."""
    peak, over = Peak(floor), threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
