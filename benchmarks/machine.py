"""Which machine and which libraries a result comes from."""

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

LIBRARIES = (
    "torch",
    "torchaudio",
    "whisperx",
    "faster-whisper",
    "ctranslate2",
    "pyannote.audio",
    "transformers",
    "numpy",
)


def describe() -> dict[str, Any]:
    """Return processor, cores, accelerator, libraries and date."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }


def label(device: str) -> str:
    """Return a file name for this machine."""
    name = torch.cuda.get_device_name() if device == "cuda" else f"{_processor()}-{os.cpu_count()}-cores"
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or platform.machine()
