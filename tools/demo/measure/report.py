"""Runs all measurements and writes FIGURES.json and the bundle's README."""

import hashlib
import json
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tools.demo.corpus import Corpus
from tools.demo.whole_files import write_whole

from .diarization import measure_chain, measure_diarization
from .engines import CHUNK_SECONDS, Engines
from .errors import measure_conversations, measure_prompts, measure_sentences, measure_silence
from .table import as_markdown
from .timing import measure_boundaries

Figures = dict[str, dict[str, float | int]]
ENGINES = ("whisperx", "faster-whisper", "ctranslate2", "pyannote-audio", "transformers", "torch")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: the bundle's engines on held-out sentences, in seen and in `unseen` voices."""

    bundle: Path
    engines: Engines
    held_out: Corpus
    unseen: Corpus
    seed: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """`models`: folders of the bundle whose change makes kept figures worthless."""

    name: str
    models: tuple[str, ...]
    run: Callable[[Subject], Figures]


MEASUREMENTS = (
    Measurement("sentences", ("whisper",), lambda s: measure_sentences(s.engines, s.held_out, s.seed)),
    Measurement(
        "conversations", ("whisper",), lambda s: measure_conversations(s.engines, s.held_out, s.seed)
    ),
    Measurement("prompts", ("whisper",), lambda s: measure_prompts(s.engines, s.held_out, s.seed)),
    Measurement("silence", ("whisper",), lambda s: measure_silence(s.engines, s.seed)),
    Measurement("boundaries", ("aligner",), lambda s: measure_boundaries(s.engines, s.held_out, s.seed)),
    Measurement(
        "diarization",
        ("diarization",),
        lambda s: measure_diarization(s.engines, s.held_out, s.unseen, s.seed),
    ),
    Measurement(
        "chain",
        ("whisper", "aligner", "diarization"),
        lambda s: measure_chain(s.engines, s.held_out, s.seed),
    ),
)


def write_figures(bundle: Path, kept: Path, held_out: Corpus, unseen: Corpus, seed: int) -> None:
    """Measures what the folder `kept` has no figures for; writes FIGURES.json and README.md into `bundle`."""
    subject = Subject(bundle, Engines(bundle), held_out, unseen, seed)
    figures: Figures = {}
    for measurement in MEASUREMENTS:
        figures |= measure_one(measurement, subject, kept)
    report = {"figures": figures, "conditions": _conditions(seed), "bytes": _sizes(bundle)}
    text = json.dumps(report, indent=1) + "\n"
    write_whole(bundle / "README.md", lambda partial: partial.write_text(as_markdown(report)))
    write_whole(bundle / "FIGURES.json", lambda partial: partial.write_text(text))


def measure_one(measurement: Measurement, subject: Subject, kept: Path) -> Figures:
    """The figures of one measurement, kept as JSON for the next time."""
    path = kept / f"{measurement.name}.json"
    digest = _digest([subject.bundle / model for model in measurement.models])
    if path.exists():
        known = json.loads(path.read_text())
        if known["models"] == digest:
            figures: Figures = known["figures"]
            return figures
    started = time.monotonic()
    figures = measurement.run(subject)
    print(f"  {measurement.name} ({time.monotonic() - started:.0f} s): {json.dumps(figures)}", flush=True)
    text = json.dumps({"models": digest, "figures": figures})
    write_whole(path, lambda partial: partial.write_text(text))
    return figures


def _digest(folders: list[Path]) -> str:
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.is_file())
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _conditions(seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "held_out": "sentences with crc32 of the English text % 10 == 0, never trained on",
        "engines": {name: version(name) for name in ENGINES},
        "chunk_seconds": CHUNK_SECONDS,
        "compute_type": "int8",
        "device": "cpu",
        "python": platform.python_version(),
        "measured": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _sizes(bundle: Path) -> dict[str, int]:
    """Bytes on disk of each model and recording."""
    paths = sorted(path for path in bundle.iterdir() if path.is_dir() or path.suffix == ".flac")
    return {
        path.name: sum(f.stat().st_size for f in [path, *path.rglob("*")] if f.is_file())
        for path in paths
        if not path.name.startswith("__")
    }
