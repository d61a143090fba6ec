"""Measures one system on one set, once: what was measured before is read from a checkpoint."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.audio.waveform import SAMPLE_RATE
from benchmarks.speech.measures import MEASURES, length_of, missed
from benchmarks.speech.recordings import Recording, SpeechSet
from benchmarks.speech.systems import System, timed


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A directory with a file for each system and set that was measured."""

    directory: Path
    again: bool = False
    """Measure even where there is a file."""

    def of(self, system: str, asked: SpeechSet, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return what `measure` returned, now or before."""
        file = self.directory / f"{asked.name}-{system.replace(', ', '-')}.json"
        if self.again or not file.exists():
            self.directory.mkdir(parents=True, exist_ok=True)
            unfinished = file.with_suffix(".part")
            unfinished.write_text(json.dumps(measure(), indent=1, ensure_ascii=False), encoding="utf-8")
            unfinished.rename(file)
        known: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return known


def measure(system: System, asked: SpeechSet) -> dict[str, Any]:
    """Return the sums over all recordings of the set, and the numbers and the text of each.

    A second is heard before, unmeasured, so that loading counts nowhere.
    """
    system.listen(asked.recordings[0].samples()[:SAMPLE_RATE], asked)
    sums: Counter[str] = Counter()
    each: dict[str, Any] = {}
    for recording in asked.recordings:
        row = _meeting(system, recording) if "missed" in asked.measures else _heard(system, recording, asked)
        each[recording.name] = row
        sums.update(row["sums"])
    return {"sums": dict(sums), "recordings": each}


def _heard(system: System, recording: Recording, asked: SpeechSet) -> dict[str, Any]:
    samples = recording.samples()
    heard, spent = timed(system, samples, asked)
    sums: Counter[str] = Counter({**spent, "audio seconds": length_of(samples)})
    sums.update({f"stage {name}": seconds for name, seconds in heard.stages.items()})
    for name in asked.measures:
        if name in MEASURES:
            sums.update(MEASURES[name](recording, heard))
    return {"sums": dict(sums), "language": heard.language, "text": heard.text}


def _meeting(system: System, recording: Recording) -> dict[str, Any]:
    samples = recording.samples()
    return {"sums": missed(recording, system.speech(samples), length_of(samples))}
