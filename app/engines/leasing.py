"""The values that the pool deals in: what is loaded, what it takes and how it is let go."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class EngineKey:
    """What is loaded: equal keys share one engine."""

    kind: str
    """"whisper", "aligner" or "diarizer"."""
    name: str
    """What people call it: the model's name, the language, the pipeline."""
    source: str
    device: str


@dataclass(frozen=True, slots=True)
class Loaded(Generic[E]):
    """An engine fresh from its loader."""

    engine: E
    close: Callable[[], None]
    """Frees the engine's memory; called once, when nobody uses it any more."""
    size_bytes: int = 0
    """GPU memory that its weights take; 0 on the CPU."""
    place: Path = Path()
    """Where its files lie."""


@dataclass(frozen=True, slots=True)
class PoolEntry:
    """One loaded engine as /health and the metrics show it."""

    key: EngineKey
    leases: int
    size_bytes: int
