"""Runs all measurements and writes FIGURES.json and the bundle's README."""

import json
import platform
import random
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from tools.demo.corpus import Corpus
from tools.demo.whole_files import write_whole

from .diarization import measure_chain, measure_diarization
from .engines import CHUNK_SECONDS, THREADS, Engines
from .errors import measure_conversations, measure_prompts, measure_sentences, measure_silence
from .table import as_markdown
from .timing import measure_boundaries

Figures = dict[str, dict[str, float | int]]
ENGINES = ("whisperx", "faster-whisper", "ctranslate2", "pyannote-audio", "transformers", "torch")


def write_figures(bundle: Path, held_out: Corpus, unseen: Corpus, seed: int) -> None:
    """Measures `bundle` on held-out sentences; diarization also on `unseen` voices, never trained on."""
    random.seed(seed)
    engines = Engines(bundle)
    measurements: tuple[tuple[str, Callable[[], Figures]], ...] = (
        ("sentences", lambda: measure_sentences(engines, held_out, seed)),
        ("conversations", lambda: measure_conversations(engines, held_out, seed)),
        ("prompts", lambda: measure_prompts(engines, held_out, seed)),
        ("silence", lambda: measure_silence(engines, seed)),
        ("boundaries", lambda: measure_boundaries(engines, held_out, seed)),
        ("diarization", lambda: measure_diarization(engines, held_out, unseen, seed)),
        ("chain", lambda: measure_chain(engines, held_out, seed)),
    )
    figures: Figures = {}
    for name, measure in measurements:
        started = time.monotonic()
        measured = measure()
        figures |= measured
        print(f"  {name} ({time.monotonic() - started:.0f} s): {json.dumps(measured)}", flush=True)
    report = {"figures": figures, "conditions": _conditions(seed), "bytes": _sizes(bundle)}
    text = json.dumps(report, indent=1) + "\n"
    write_whole(bundle / "README.md", lambda partial: partial.write_text(as_markdown(report)))
    write_whole(bundle / "FIGURES.json", lambda partial: partial.write_text(text))


def _conditions(seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "held_out": "sentences with crc32 of the English text % 10 == 0, never trained on",
        "engines": {name: version(name) for name in ENGINES},
        "chunk_seconds": CHUNK_SECONDS,
        "compute_type": "int8",
        "device": "cpu",
        "threads": THREADS,
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
