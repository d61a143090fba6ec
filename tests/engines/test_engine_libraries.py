"""While the engines' libraries are imported, the rest goes on; then they share the processors."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.service import ROOT


def printed_by(script: str, settings: Mapping[str, str] | None = None) -> str:
    """Run `script` in an interpreter of its own, with `settings` in its environment."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=ROOT,
        env={**os.environ, **(settings or {})},
        capture_output=True,
        text=True,
        check=False,
    )
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


def longest_hold() -> float:
    return float(printed_by(WATCH))


def test_no_import_keeps_health_waiting_for_100_ms() -> None:
    """Counted in the importer's processor time; what a busy machine adds to it does not come three times."""
    assert any(0 < longest_hold() < 0.1 for _ in range(3))


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


def sleeps_of_threads(*, torch_first: bool) -> int:
    """How often the process's threads go to sleep during 3,000 small products, after Whisper has worked."""
    return int(printed_by(SLEEPS.format(torch_first=torch_first)))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="on one processor there is nothing to share")
def test_whisper_and_torch_do_not_count_each_others_threads() -> None:
    assert sleeps_of_threads(torch_first=True) > 3 * sleeps_of_threads(torch_first=False)


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


def seconds_of_two_threads_on_one_processor(settings: Mapping[str, str]) -> float:
    return float(printed_by(CROWDED, settings))


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="OpenMP spins less where it sees one processor")
def test_threads_that_share_a_processor_with_others_do_not_keep_it_by_waiting() -> None:
    patient = {"GOMP_SPINCOUNT": "300000"}
    assert seconds_of_two_threads_on_one_processor({}) < seconds_of_two_threads_on_one_processor(patient) / 4


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


def kept_after_stretches_of_all_lengths(settings: Mapping[str, str]) -> float:
    """Return how many MB stay after 200 stretches of speech, each of another length."""
    return float(printed_by(LENGTHS, settings))


def test_speech_of_ever_new_lengths_does_not_fill_the_memory() -> None:
    unbounded = {"LRU_CACHE_CAPACITY": "1024", "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024"}
    assert kept_after_stretches_of_all_lengths({}) < 15 < kept_after_stretches_of_all_lengths(unbounded)
