"""What was worked on, where and how it ended, in one file that survives kill -9 of who writes it."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: when, by the machine's clock; who wrote it; began, ended or stopped; which request."""

    at: float
    writer: str
    what: str
    token: str


class Journal:
    """Appends lines; each is one write, so that those of several processes never mix."""

    def __init__(self, path: Path, writer: str) -> None:
        self._writer = writer
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    @contextmanager
    def working_on(self, token: str) -> Iterator[None]:
        """Note the beginning of the block and its end, or that it was stopped."""
        self._note("began", token)
        try:
            yield
        except BaseException:
            self._note("stopped", token)
            raise
        self._note("ended", token)

    def _note(self, what: str, token: str) -> None:
        os.write(self._descriptor, f"{time.time():.6f} {self._writer} {what} {token}\n".encode())


def read(path: Path) -> list[Entry]:
    """Return all entries in the order of their writing."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Entry(float(at), *rest) for at, *rest in (line.split(" ") for line in lines)]


def counts(path: Path, what: str, name: str = "") -> Counter[str]:
    """Return how often each token that begins with `name` has an entry of this kind."""
    tokens = (entry.token for entry in read(path) if entry.what == what)
    return Counter(token for token in tokens if token.startswith(name))


def writers(path: Path, what: str = "began") -> Counter[str]:
    """Return how many entries of this kind each replica has."""
    return Counter(entry.writer for entry in read(path) if entry.what == what)
