"""Muon for the matrices of a network's layers, AdamW for everything else."""

import math
from collections.abc import Iterable

import torch
from torch import nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
_ROUNDS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose update is orthogonalised; matrices of one shape are treated as one batch."""

    def __init__(
        self, matrices: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, decay: float = 0.01
    ) -> None:
        super().__init__(list(matrices), {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # noqa: ARG002
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    shapes.setdefault(matrix.shape, []).append(matrix)
            for shape, matrices in shapes.items():
                self._step_shape(shape, matrices, group)

    def _step_shape(self, shape: torch.Size, matrices: list[nn.Parameter], group: dict[str, float]) -> None:
        directions = []
        for matrix in matrices:
            buffer = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
            buffer.lerp_(matrix.grad, 1 - group["momentum"])
            directions.append(matrix.grad.lerp(buffer, group["momentum"]))
        updates = orthogonalise(torch.stack(directions))
        scale = math.sqrt(max(1.0, shape[0] / shape[1]))
        for matrix, update in zip(matrices, updates, strict=True):
            matrix.mul_(1 - group["lr"] * group["decay"])
            matrix.add_(update, alpha=-group["lr"] * scale)


def orthogonalise(matrices: torch.Tensor) -> torch.Tensor:
    """(N, rows, columns) → about the nearest (semi-)orthogonal matrices, by a Newton-Schulz iteration."""
    a, b, c = _NEWTON_SCHULZ
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.transpose(1, 2) if tall else matrices).bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ROUNDS):
        gram = x @ x.transpose(1, 2)
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.transpose(1, 2) if tall else x).float()


class Optimisers:
    """Muon over the weights in `layers`, AdamW over the rest, with one schedule."""

    def __init__(self, model: nn.Module, *, muon: float, adam: float) -> None:
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        matrices = [p for name, p in named if ".layers." in name and p.ndim == 2]
        chosen = {id(p) for p in matrices}
        rest = [p for _, p in named if id(p) not in chosen]
        self._rates = (muon, adam)
        self._optimisers = (
            Muon(matrices, muon),
            torch.optim.AdamW(rest, adam, betas=(0.9, 0.98), weight_decay=0.01),
        )

    def step(self, factor: float) -> None:
        """One update at `factor` times the base rates; clears the gradients."""
        for optimiser, rate in zip(self._optimisers, self._rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            optimiser.step()
            optimiser.zero_grad()

    def state_dict(self) -> list[dict[str, object]]:
        return [optimiser.state_dict() for optimiser in self._optimisers]

    def load_state_dict(self, states: list[dict[str, object]]) -> None:
        for optimiser, state in zip(self._optimisers, states, strict=True):
            optimiser.load_state_dict(state)


def cosine(step: int, steps: int, warm_up: int, floor: float) -> float:
    """Factor of the base rate: linear up over `warm_up` steps, then a half cosine down to `floor`."""
    return min(1.0, step / warm_up) * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * step / steps)))
