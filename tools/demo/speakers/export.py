"""Writes the pyannote pipeline folder: segmentation, embedding, PLDA and configuration."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
import whisperx
import yaml
from pyannote.audio.core.task import Problem, Resolution, Specifications
from pyannote.audio.models.embedding.xvector import XVectorMFCC

from .plda import Plda
from .training import DIMENSION

CONFIGURATION = {
    "dependencies": {"pyannote.audio": "4.0.0"},
    "pipeline": {
        "name": "pyannote.audio.pipelines.SpeakerDiarization",
        "params": {
            "segmentation": "$model/segmentation",
            "segmentation_batch_size": 32,
            "embedding": "$model/embedding",
            "embedding_batch_size": 32,
            "embedding_exclude_overlap": True,
            "plda": "$model/plda",
            "clustering": "VBxClustering",
        },
    },
    "params": {
        "segmentation": {"threshold": 0.5, "min_duration_off": 0.5},
        "clustering": {"threshold": 0.8, "Fa": 0.07, "Fb": 0.8},
    },
}


def load_embedding(weights: Path) -> XVectorMFCC:
    model = XVectorMFCC(dimension=DIMENSION)
    model.load_state_dict(torch.load(weights))
    return model.eval()


def export_diarization(weights: Path, plda: Plda, folder: Path) -> None:
    """Replaces `folder` when the new one is complete."""
    model = load_embedding(weights)
    embedding = _checkpoint(
        model.state_dict(),
        dict(model.hparams),
        {"module": XVectorMFCC.__module__, "class": XVectorMFCC.__name__},
        Specifications(problem=Problem.REPRESENTATION, resolution=Resolution.CHUNK, duration=5.0),
    )
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        fresh = Path(temporary, "diarization")
        for name, checkpoint in (("embedding", embedding), ("segmentation", _segmentation())):
            (fresh / name).mkdir(parents=True)
            torch.save(checkpoint, fresh / name / "pytorch_model.bin")
        plda.save(fresh / "plda")
        (fresh / "config.yaml").write_text(yaml.safe_dump(CONFIGURATION, sort_keys=False))
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(fresh, folder)


def _segmentation() -> dict[str, Any]:
    """pyannote's segmentation checkpoint out of the whisperX wheel, without its optimiser state."""
    carried = Path(whisperx.__file__).parent / "assets" / "pytorch_model.bin"
    original = torch.load(carried, map_location="cpu", weights_only=False)
    described = original["pyannote.audio"]
    return _checkpoint(
        original["state_dict"],
        original["hyper_parameters"],
        described["architecture"],
        described["specifications"],
    )


def _checkpoint(
    weights: dict[str, torch.Tensor],
    hyper_parameters: dict[str, Any],
    architecture: dict[str, str],
    specifications: Specifications,
) -> dict[str, Any]:
    """A checkpoint as pyannote.audio reads it, in half precision."""
    halved = {name: (w.half() if w.is_floating_point() else w).clone() for name, w in weights.items()}
    return {
        "epoch": 0,
        "global_step": 0,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": halved,
        "hyper_parameters": hyper_parameters,
        "pyannote.audio": {
            "versions": {"pyannote.audio": "4.0.0"},
            "architecture": {key: architecture[key] for key in ("module", "class")},
            "specifications": specifications,
        },
    }
