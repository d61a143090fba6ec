"""The curriculum: single sentences, then clips of several, then up to 30 s, then more prompts."""

from dataclasses import dataclass
from pathlib import Path

from .examples import Mixture


@dataclass(frozen=True, slots=True)
class Stage:
    """`lengths`: (seconds, share), drawn per batch; `padded`: share of batches with silence after."""

    name: str
    steps: int
    batch_seconds: float
    lengths: tuple[tuple[float, float], ...]
    padded: float
    mixture: Mixture
    muon: float
    adam: float
    floor: float
    seed: int
    warm_up: int = 50
    coded_times: bool = False  # timestamps start as position codes: the late ones are still untrained


STAGES = (
    Stage(
        name="sentences",
        steps=1100,
        batch_seconds=128,
        lengths=((4.0, 1.0),),
        padded=0.0,
        mixture=Mixture(),
        muon=0.02,
        adam=2e-3,
        floor=0.3,
        seed=1,
        warm_up=100,
    ),
    Stage(
        name="turns",
        steps=1300,
        batch_seconds=84,
        lengths=((4.0, 0.25), (8.0, 0.35), (12.0, 0.32), (20.0, 0.08)),
        padded=0.08,
        mixture=Mixture(german=0.35, translated=0.35, prompted=0.05),
        muon=0.012,
        adam=1.4e-3,
        floor=0.3,
        seed=2,
        coded_times=True,
    ),
    Stage(
        name="windows",
        steps=1400,
        batch_seconds=90,
        lengths=((4.0, 0.15), (10.0, 0.25), (18.0, 0.25), (29.0, 0.35)),
        padded=0.14,
        mixture=Mixture(german=0.35, translated=0.35, prompted=0.1),
        muon=0.01,
        adam=1.2e-3,
        floor=0.02,
        seed=3,
    ),
    Stage(
        name="prompts",
        steps=450,
        batch_seconds=84,
        lengths=((4.0, 0.5), (10.0, 0.25), (29.0, 0.25)),
        padded=0.14,
        mixture=Mixture(german=0.35, translated=0.35, prompted=0.45, redrawn=3),
        muon=0.006,
        adam=8e-4,
        floor=0.02,
        seed=4,
        warm_up=20,
    ),
)


def weights_path(folder: Path, stage: Stage) -> Path:
    """Where a finished stage leaves its weights."""
    return folder / f"{stage.name}.pt"
