"""Beside the import of the engines' libraries the rest goes on; then they share processors and bound caches.

Each figure comes from an interpreter of its own, that has imported nothing before.
"""

import os
import subprocess
import sys
from collections.abc import Mapping

from benchmarks.pairs import Figure
from benchmarks.scale import Scale
from tests.service import ROOT

UNBOUNDED = {"LRU_CACHE_CAPACITY": "1024", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}
PATIENT = {"GOMP_SPINCOUNT": "300000"}


def run(scale: Scale) -> list[Figure]:
    """Return how long an import holds the others up, and what threads and caches cost."""
    times = 1 if scale.quick else 3
    figures = [
        Figure(
            "longest hold of the interpreter by an import",
            min(float(_printed_by(WATCH)) for _ in range(times)),
            "s",
            f"least of {times}, in the importer's processor time",
            "<= 0.1 s",
        )
    ]
    if len(os.sched_getaffinity(0)) > 1:
        figures += [_sleeps(), _spinning()]
    return [*figures, *_kept_memory()]


def _sleeps() -> Figure:
    """Return how much more often threads sleep when torch comes first: OpenMP counts both pools then."""
    first, last = (float(_printed_by(SLEEPS.format(torch_first=order))) for order in (True, False))
    note = f"{first:.0f} with torch first, {last:.0f} as the service imports them"
    return Figure(
        "sleeps during 3,000 small products after Whisper's work", first / last, "x", note, ">= 3 x"
    )


def _spinning() -> Figure:
    """Return the processor time of two threads on one processor, against threads that wait by spinning."""
    ours, patient = (float(_printed_by(CROWDED, settings)) for settings in ({}, PATIENT))
    note = f"{ours:.2f} s against {patient:.2f} s"
    return Figure("processor time of two threads on one processor", ours / patient, "x", note, "<= 0.25 x")


def _kept_memory() -> list[Figure]:
    """Return the memory that stays after 200 stretches of speech of ever new lengths."""
    name = "kept after 200 stretches of other lengths"
    return [
        Figure(name, float(_printed_by(LENGTHS)), "MB", goal="<= 15 MB"),
        Figure(f"{name}, caches unbounded", float(_printed_by(LENGTHS, UNBOUNDED)), "MB"),
    ]


def _printed_by(script: str, settings: Mapping[str, str] | None = None) -> str:
    """Run `script` in an interpreter of its own, with `settings` in its environment."""
    command = [sys.executable, "-W", "ignore", "-c", script]
    environment = {**os.environ, **(settings or {})}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


WATCH = """
import sys, threading, time
from app.engines.platform.library_import import import_engine_libraries

failed = []
def work():
    try:
        import_engine_libraries()
    except BaseException as exc:
        failed.append(exc)

importer = threading.Thread(target=work)
importer.start()
clock = time.pthread_getcpuclockid(importer.ident)
last = time.clock_gettime(clock)
longest = 0.0
while importer.is_alive():
    time.sleep(0.002)
    try:
        now = time.clock_gettime(clock)
    except OSError:
        break
    longest = max(longest, now - last)
    last = now
importer.join()
assert not failed, failed
assert "torch" in sys.modules and "pyannote.audio" in sys.modules
print(longest)
"""

SLEEPS = """
import os, threading
from pathlib import Path

processors = len(os.sched_getaffinity(0))
if {torch_first}:
    import torch
from app.engines.platform.library_import import import_engine_libraries

import_engine_libraries()
import faster_whisper
import numpy as np
import torch

torch.set_num_threads(processors)
sound = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
matrix = torch.rand(300, 300)

def in_a_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def load():
    global whisper
    settings = dict(device="cpu", compute_type="int8", cpu_threads=processors)
    whisper = faster_whisper.WhisperModel("app/demo/whisper", **settings)

def sleeps():
    lines = "".join(task.read_text() for task in Path("/proc/self/task").glob("*/status")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

def count():
    global counted
    whisper.detect_language(sound)
    before = sleeps()
    for _ in range(3_000):
        torch.mm(matrix, matrix)
    counted = sleeps() - before

in_a_thread(load)
in_a_thread(count)
print(counted)
"""

CROWDED = """
import os, time
from app.engines.platform.library_import import import_engine_libraries

import_engine_libraries()
import torch

torch.set_num_threads(2)
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:1]))
matrix = torch.rand(300, 300)
began = time.process_time()
for _ in range(200):
    torch.mm(matrix, matrix)
print(time.process_time() - began)
"""

LENGTHS = """
import psutil
from app.engines.platform.allocator import return_freed_memory
from app.engines.platform.library_import import import_engine_libraries

import_engine_libraries()
import numpy as np
from app.engines.alignment.aligner import Wav2Vec2Aligner
from app.transcript import Segment

settings = dict(language="en", device="cpu", batch_size=1, precision="float32")
aligner = Wav2Vec2Aligner.load("app/demo/aligner", **settings)
random = np.random.default_rng(0)
noise = random.normal(0, 3000, 16_000 * 60).astype(np.int16)

def megabytes(segments):
    aligner.align(noise, segments, lambda: None)
    return_freed_memory()
    return psutil.Process().memory_info().rss / 1e6

before = megabytes(tuple(Segment(start, start + 10, "budget") for start in range(10)))
print(megabytes(tuple(Segment(1, 1 + seconds, "budget") for seconds in random.uniform(3, 10, 200))) - before)
"""
