"""Fits the PLDA that pyannote's VBx clustering reads."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import linalg

REDUCED = 48  # dimensions that VBx works in


@dataclass(frozen=True, slots=True)
class Plda:
    """The two archives of pyannote: `transform` (mean1, lda, mean2) and `model` (mu, tr, psi)."""

    transform: dict[str, np.ndarray]
    model: dict[str, np.ndarray]

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        single = {name: array.astype(np.float32) for name, array in self.transform.items()}
        np.savez(folder / "xvec_transform.npz", **single)
        np.savez(folder / "plda.npz", **self.model)


def fit_plda(embeddings: np.ndarray, labels: np.ndarray) -> Plda:
    """`embeddings` (n, dimension) of voices `labels` (n,)."""
    dimension = embeddings.shape[1]
    mean1 = embeddings.mean(0)
    whole = np.sqrt(dimension) * _unit(embeddings - mean1)
    _, within, between = _scatter(whole, labels)
    lda = linalg.eigh(between, _regularised(within, 1e-2))[1][:, ::-1][:, :REDUCED]
    reduced = whole @ lda
    mean2 = reduced.mean(0)
    centred = np.sqrt(REDUCED) * _unit(reduced - mean2)
    mu, within, between = _scatter(centred, labels)
    psi, vectors = linalg.eigh(_regularised(between, 1e-3), _regularised(within, 1e-3))
    return Plda({"mean1": mean1, "mean2": mean2, "lda": lda}, {"mu": mu, "tr": vectors.T, "psi": psi})


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _regularised(matrix: np.ndarray, share: float) -> np.ndarray:
    size = len(matrix)
    return matrix + share * np.trace(matrix) / size * np.eye(size)


def _scatter(rows: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, and the covariances within and between the labels."""
    mean = rows.mean(0)
    within = np.zeros((rows.shape[1], rows.shape[1]))
    between = np.zeros_like(within)
    for label in np.unique(labels):
        mine = rows[labels == label]
        centre = mine.mean(0)
        within += (mine - centre).T @ (mine - centre)
        between += len(mine) * np.outer(centre - mean, centre - mean)
    return mean, within / len(rows), between / len(rows)
