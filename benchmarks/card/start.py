"""From an empty process to the first words, before and after the driver has compiled CTranslate2's code.

Called by itself it is that process.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.pairs import Figure
from benchmarks.scale import Scale

STATES = ("not compiled yet", "compiled before")


def run(scale: Scale) -> Iterator[Figure]:
    """Yield the seconds of the first transcription, without and with a cache of compiled code."""
    with TemporaryDirectory() as folder:
        for state in STATES[:1] if scale.quick else STATES:
            yield _first_words(f"first transcription, GPU code {state}", scale, Path(folder))


def _first_words(name: str, scale: Scale, compiled: Path) -> Figure:
    environment = {**os.environ, "CUDA_CACHE_PATH": str(compiled), "CUDA_CACHE_MAXSIZE": str(1 << 30)}
    command = [sys.executable, "-m", "benchmarks.card.start", scale.device, str(time.time())]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    imported, loaded, first, second = json.loads(done.stdout.splitlines()[-1])
    note = f"import {imported:.1f} s, load {loaded:.1f} s, then again {second:.2f} s"
    return Figure(name, first, "s", note)


def main(device: str, began: float) -> None:
    """Print the seconds from `began` to the end of the imports, of the load, and of transcribing twice."""
    from app.engines.interfaces import TranscriptionRequest
    from benchmarks.card.engines import Choice, transcriber
    from benchmarks.sounds import DEMO, meeting

    marks = [began, time.time()]
    choice = Choice("demo", "float16" if device == "cuda" else "int8", 16)
    engine = transcriber(DEMO / "whisper", choice, device, chunk_seconds=10.0)
    marks.append(time.time())
    for _ in range(2):
        engine.transcribe(meeting()[:160_000], TranscriptionRequest(language="en"), lambda: None)
        marks.append(time.time())
    print(json.dumps([after - before for before, after in pairwise(marks)]))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
