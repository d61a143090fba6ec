"""The most that the whole card holds with all three engines at work, for the tables of memory.

Each choice of settings has a process of its own, which finds the card empty: called by itself it is that one.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.card.engines import Choice, load
from benchmarks.card.large import whole
from benchmarks.card.memory import peak_above, used
from benchmarks.pairs import Figure
from benchmarks.scale import Scale

CHOICES = (
    Choice("large", "float16", 16),
    Choice("large", "int8_float16", 8),
    Choice("turbo", "float16", 16),
    Choice("turbo", "int8_float16", 4),
    Choice("small", "float16", 16),
    Choice("small", "float16", 4),
    Choice("large", "float16", 32),
)
"""What README advises for one card or another comes first."""
QUICK = Choice("tiny", "int8", 2)


def run(scale: Scale) -> Iterator[Figure]:
    """Yield the peak of each choice, diarization beside transcription, and what the loaded engines hold."""
    for choice in (QUICK,) if scale.quick else CHOICES:
        words = [choice.size, choice.compute_type, str(choice.batch_size), scale.device, str(scale.cache)]
        seconds = "20" if scale.quick else "600"
        command = [sys.executable, "-m", "benchmarks.card.peaks", *words, seconds]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        loaded, most = json.loads(done.stdout.splitlines()[-1])
        name = f"peak with all three engines, {choice}, batch {choice.batch_size}"
        note = f"loaded {loaded:.2f} GB; ten minutes, diarization beside transcription"
        yield Figure(name, most, "GB", note)


def main(choice: Choice, device: str, cache: Path, seconds: float) -> None:
    """Print what the engines hold and the peak, in GB."""
    floor = used()
    engines = load(choice, device, cache)
    loaded = (used() - floor) / 1e9
    with peak_above(floor) as peak:
        whole(engines, seconds, beside=True)
    print(json.dumps([loaded, peak.gigabytes]))


if __name__ == "__main__":
    size, compute_type, batch_size, device, cache, seconds = sys.argv[1:]
    main(Choice(size, compute_type, int(batch_size)), device, Path(cache), float(seconds))
