"""How large the networks of Whisper are: what their work takes of a GPU follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.models.known_models import WHISPER_REPOSITORIES

_BYTES_PER_STORED_PARAMETER = 2
"""Models of the hub are stored as float16."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The figures of one network."""

    parameters: int
    decoder_layers: int
    width: int
    heads: int


SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        "tiny": Shape(39_000_000, 4, 384, 6),
        "base": Shape(74_000_000, 6, 512, 8),
        "distil-small": Shape(166_000_000, 4, 768, 12),
        "small": Shape(244_000_000, 12, 768, 12),
        "distil-medium": Shape(394_000_000, 2, 1024, 16),
        "distil-large": Shape(756_000_000, 2, 1280, 20),
        "medium": Shape(769_000_000, 24, 1024, 16),
        "turbo": Shape(809_000_000, 4, 1280, 20),
        "large": Shape(1_550_000_000, 32, 1280, 20),
    }
)
"""By the size that their makers named them for, the smallest first."""


def shape_of(source: str, stored_bytes: int | None) -> Shape:
    """Return the shape of the model that `source` names; of an unknown one the largest it may have.

    Args:
        source: hub repository or directory.
        stored_bytes: size of its model.bin; None where it is not on disk.
    """
    known = {repository: name for name, repository in WHISPER_REPOSITORIES.items()}
    if source in known:
        return _named(known[source])
    parameters = float("inf") if stored_bytes is None else stored_bytes / _BYTES_PER_STORED_PARAMETER
    larger = (shape for shape in SHAPES.values() if shape.parameters >= 0.9 * parameters)
    return next(larger, SHAPES["large"])


def _named(name: str) -> Shape:
    """Return the shape of a model by its name, such as distil-large-v3.5 or large-v3-turbo.

    >>> _named("small.en") == SHAPES["small"], _named("large-v3-turbo") == SHAPES["turbo"]
    (True, True)
    """
    if name.endswith("turbo"):
        return SHAPES["turbo"]
    return next(SHAPES[size] for size in sorted(SHAPES, key=len, reverse=True) if name.startswith(size))
