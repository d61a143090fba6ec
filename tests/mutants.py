"""`make mutants`: breaks the code on purpose, one fault at a time, and demands that the tests notice.

Each fault is put into a copy of the repository; the tests named beside it must fail there.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
AT_ONCE = 2
"""How many are tried side by side: most of the time is spent on importing, by one thread."""


@dataclass(frozen=True)
class Mutant:
    """A fault: `old`, which is in `file` once, becomes `new`, and `tests` must turn red."""

    fault: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "speakers swapped",
        "app/engines/diarization/diarizer.py",
        "for number, speaker in enumerate(order)}",
        "for number, speaker in enumerate(reversed(order))}",
        ("tests/engines/test_pyannote.py", "-k", "labels_count_people"),
    ),
    Mutant(
        "times shifted by 0.3 s",
        "app/engines/alignment/aligner.py",
        "np.array([times.starts, times.ends]) * seconds_per_frame + segment.start",
        "np.array([times.starts, times.ends]) * seconds_per_frame + segment.start + 0.3",
        ("tests/engines/test_wav2vec2.py", "-k", "word_boundaries"),
    ),
    Mutant(
        "last segment dropped",
        "app/engines/whisper/transcriber.py",
        "spoken = [segment for segment in segments if segment.text]",
        "spoken = [segment for segment in segments if segment.text][:-1]",
        ("tests/engines/test_whisper.py", "-k", "every_spoken_word"),
    ),
    Mutant(
        "aligned with the wrong language",
        "app/word_times.py",
        "self.engines.aligner(self.context.model, language,",
        'self.engines.aligner(self.context.model, "de" if language == "en" else "en",',
        ("tests/unit/test_pipeline.py",),
    ),
    Mutant(
        "num_speakers ignored on the way to the engine",
        "app/pipeline.py",
        "exact = options.num_speakers",
        "exact = None",
        ("tests/unit/test_pipeline.py",),
    ),
    Mutant(
        "num_speakers ignored by the engine",
        "app/engines/diarization/diarizer.py",
        "asked = waveform, speakers, checkpoint, tell",
        "asked = waveform, SpeakerCountRange(), checkpoint, tell",
        ("tests/engines/test_pyannote.py", "-k", "two_people_asked_for"),
    ),
    Mutant(
        "overlapping instead of exclusive turns",
        "app/engines/diarization/diarizer.py",
        "turns=_to_turns(tracks.exclusive, labels)",
        "turns=_to_turns(tracks.overlapping, labels)",
        ("tests/engines/test_pyannote.py", "-k", "one_person_at_a_time"),
    ),
    Mutant(
        "detected language lost",
        "app/pipeline.py",
        "language=heard.language,",
        'language=options.language or "en",',
        ("tests/unit/test_pipeline.py",),
    ),
)


def main(wanted: list[str]) -> int:
    """Try the mutants whose fault contains one of `wanted`, or all; return 0 if the tests noticed each."""
    chosen = [mutant for mutant in MUTANTS if not wanted or any(word in mutant.fault for word in wanted)]
    survivors = 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for mutant, (caught, last_line) in zip(chosen, threads.map(try_mutant, chosen), strict=True):
            print(f"{'caught  ' if caught else 'SURVIVED'}  {mutant.fault}: {last_line}", flush=True)
            survivors += not caught
    return 1 if survivors else 0


def try_mutant(mutant: Mutant) -> tuple[bool, str]:
    """Return whether the tests failed with `mutant` in place, and the last line that they printed."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        tracked = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
        ).stdout.split("\0")
        for name in filter(None, tracked):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        target = copy / mutant.file
        source = target.read_text(encoding="utf-8")
        found = source.count(mutant.old)
        assert found == 1, f"{mutant.fault}: {mutant.old!r} is {found} times in {mutant.file}, not once"
        target.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
        environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // AT_ONCE))}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    # 1 says that tests ran and failed; anything else is no proof
    return done.returncode == 1, (done.stdout.strip().splitlines() or ["nothing was printed"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
