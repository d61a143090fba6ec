"""What is truly said in a recording: text, words, speakers; written beside it as JSON."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from .synthesis.speech import SAMPLE_RATE, SpokenWord


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """Consecutive words of one voice; `text` is what it says."""

    voice: str
    text: str
    words: tuple[SpokenWord, ...]

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


@dataclass(frozen=True, slots=True)
class Recording:
    """`audio`: float32 mono at 16 kHz; `turns` by start time; turns of different voices may overlap."""

    language: str
    audio: np.ndarray
    turns: tuple[SpokenTurn, ...]

    @property
    def duration(self) -> float:
        return len(self.audio) / SAMPLE_RATE

    @property
    def text(self) -> str:
        return " ".join(turn.text for turn in self.turns)

    @property
    def words(self) -> list[SpokenWord]:
        return [word for turn in self.turns for word in turn.words]

    @property
    def speakers(self) -> dict[str, str]:
        """Voice → SPEAKER_00, … in order of first appearance."""
        voices = dict.fromkeys(turn.voice for turn in self.turns)
        return {voice: f"SPEAKER_{index:02d}" for index, voice in enumerate(voices)}


def write_recording(recording: Recording, path: Path) -> None:
    """16-bit FLAC at `path` and its truth as JSON of the same name; the words by start time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(
        path, recording.audio, SAMPLE_RATE, subtype="PCM_16", format="FLAC", compression_level=1.0
    )
    path.with_suffix(".json").write_text(_readable(truth(recording)))


def _readable(description: dict[str, object]) -> str:
    """JSON with one line per word and turn."""
    lines = []
    for key, content in description.items():
        if isinstance(content, list):
            items = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in content)
            lines.append(f" {json.dumps(key)}: [\n  {items}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(content, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def truth(recording: Recording) -> dict[str, object]:
    """JSON-ready; times in seconds, rounded to milliseconds."""
    speakers = recording.speakers
    words = [
        {
            "word": word.text,
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "speaker": speakers[turn.voice],
            "exact": word.exact,
        }
        for turn in recording.turns
        for word in turn.words
    ]
    turns = [
        {"start": round(turn.start, 3), "end": round(turn.end, 3), "speaker": speakers[turn.voice]}
        for turn in recording.turns
    ]
    return {
        "language": recording.language,
        "duration": round(recording.duration, 3),
        "text": recording.text,
        "words": sorted(words, key=lambda word: (word["start"], word["end"])),
        "turns": turns,
    }
