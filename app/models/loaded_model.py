"""The values that the pool deals in: what is loaded, what it takes and how it is let go."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from app.stage import Stage

E_co = TypeVar("E_co", covariant=True)

Expect: TypeAlias = Callable[[int], None]
"""Told, before an engine is loaded, how many bytes it will take: makes room for them."""


@dataclass(frozen=True, slots=True)
class ModelKey:
    """What is loaded: equal keys share one engine."""

    stage: Stage
    name: str
    """What people call it: the model's name, the language, the pipeline."""
    source: str
    device: str

    @property
    def kind(self) -> str:
        """Return its name in metrics and log lines: whisper, aligner or diarizer."""
        return self.stage.engine_kind

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class LoadedEngine(Generic[E_co]):
    """An engine fresh from its loader."""

    engine: E_co
    close: Callable[[], None]
    """Frees the engine's memory; called once, when nobody uses it any more."""
    size_bytes: int = 0
    """Memory that its weights take on their device, estimated from the files."""
    place: Path = Path()
    """Where its files lie."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One loaded engine as /health and the metrics show it."""

    key: ModelKey
    leases: int
    size_bytes: int

    @property
    def gpu_bytes(self) -> int:
        """GPU memory of the weights; 0 on the CPU."""
        return self.size_bytes if self.key.device == "cuda" else 0
