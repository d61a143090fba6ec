"""Training states that resume exactly."""

import random
from pathlib import Path
from typing import Any, Protocol

import torch

from .whole_files import write_whole


class Stateful(Protocol):
    def state_dict(self) -> Any: ...

    def load_state_dict(self, state: Any) -> object: ...


def save_training(path: Path, step: int, rng: random.Random, **parts: Stateful) -> None:
    """Step, both random states and the state of each part."""
    state = {
        "step": step,
        "python_rng": rng.getstate(),
        "torch_rng": torch.get_rng_state(),
        "parts": {name: part.state_dict() for name, part in parts.items()},
    }
    write_whole(path, lambda partial: torch.save(state, partial))


def resume_training(path: Path, rng: random.Random, **parts: Stateful) -> int:
    """Restores what `save_training` wrote; returns the step, 0 if there is nothing to resume."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=False)
    rng.setstate(state["python_rng"])
    torch.set_rng_state(state["torch_rng"])
    for name, part in parts.items():
        part.load_state_dict(state["parts"][name])
    return int(state["step"])
