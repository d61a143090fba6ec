"""Places: who may have a request here, from before its upload until its answer."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import TooManyUploads

GUESTS_PER_PLACE = 1 / 8


class Places:
    """Counts the places that clients hold.

    Within the limit whoever comes first gets one. Beyond it a client that holds none still does while another
    holds several, so that nobody is shut out by one that sends much: as many as an eighth of the limit, at
    least one.
    """

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    def room_for(self, client: str, limit: int, others: int = 0) -> bool:
        """Return whether `client` may have one more place of `limit`, `others` being taken by nobody here."""
        taken = self._held.total() + others
        if taken < limit:
            return True
        guests = max(1, int(limit * GUESTS_PER_PLACE))
        somebody_holds_several = max(self._held.values(), default=0) > 1
        return not self._held[client] and somebody_holds_several and taken < limit + guests

    def take(self, client: str) -> None:
        """Count one more place of `client`."""
        self._held[client] += 1

    def give_back(self, client: str) -> None:
        """Count one place of `client` less."""
        self._held[client] -= 1
        if not self._held[client]:
            del self._held[client]


class UploadsPerClient:
    """Lets each client send so many recordings at the same time."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._sending: Counter[str] = Counter()

    @contextmanager
    def one_more(self, client: str) -> Iterator[None]:
        """Count an upload of `client` during the block.

        Raises:
            TooManyUploads: the client has as many under way as it may.
        """
        if self._sending[client] >= self._limit:
            raise TooManyUploads(self._limit)
        self._sending[client] += 1
        try:
            yield
        finally:
            self._sending[client] -= 1
            if not self._sending[client]:
                del self._sending[client]
