"""The bundle's diarization with a segmentation network of the kind that pyannote's own pipelines have."""

import shutil
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from pyannote.audio.core.task import Problem
from pyannote.audio.utils.powerset import Powerset

from tests.engines.conftest import DEMO

SIMULTANEOUS = 2


def powerset_pipeline(directory: Path) -> Path:
    """Write the bundle's pipeline to `directory` with a network that chooses a set of speakers per frame.

    Where three sigmoids have the logits z, the log probability of a set is, but for a constant, the sum of z
    over its members: the new classifier's rows are sums of the old one's.
    """
    shutil.copytree(DEMO / "diarization", directory)
    weights = directory / "segmentation" / "pytorch_model.bin"
    checkpoint = torch.load(weights, weights_only=False)
    specifications = checkpoint["pyannote.audio"]["specifications"]
    members = Powerset(len(specifications.classes), SIMULTANEOUS).mapping
    for name in ("classifier.weight", "classifier.bias"):
        checkpoint["state_dict"][name] = members @ checkpoint["state_dict"][name].float()
    checkpoint["pyannote.audio"]["specifications"] = replace(
        specifications, problem=Problem.MONO_LABEL_CLASSIFICATION, powerset_max_classes=SIMULTANEOUS
    )
    torch.save(checkpoint, weights)
    settings = directory / "config.yaml"
    config = yaml.safe_load(settings.read_text(encoding="utf-8"))
    del config["params"]["segmentation"]["threshold"]
    settings.write_text(yaml.safe_dump(config), encoding="utf-8")
    return directory
