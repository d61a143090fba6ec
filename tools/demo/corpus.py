"""The spoken corpus, read back: utterances by language and voice."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .corpus_writer import audio_path, index_path
from .synthesis.speech import Speech, SpokenWord
from .voices import Voice


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken sentence; its samples stay on disk until `speech` is called."""

    language: str
    voice: str
    english: str
    german: str
    words: tuple[SpokenWord, ...]
    recording: np.memmap
    offset: int
    samples: int

    def speech(self, margin: float = 0.06) -> Speech:
        """Cut to its words with `margin` seconds around."""
        samples = np.asarray(self.recording[self.offset : self.offset + self.samples])
        return Speech(samples.astype(np.float32) / 32768, self.words).cut_to_words(margin)


class Corpus:
    """The training or the held-out side of some voices."""

    def __init__(self, folder: Path, voices: Iterable[Voice], *, held_out: bool) -> None:
        self._utterances: dict[str, dict[str, list[Utterance]]] = {}
        for voice in voices:
            mine = [u for held, u in _read_voice(folder, voice) if held == held_out]
            self._utterances.setdefault(voice.language, {})[voice.label] = mine

    def voices(self, language: str) -> list[str]:
        return list(self._utterances[language])

    def of(self, language: str, voice: str) -> list[Utterance]:
        return self._utterances[language][voice]

    def all(self, language: str) -> list[Utterance]:
        return [utterance for mine in self._utterances[language].values() for utterance in mine]


def _read_voice(folder: Path, voice: Voice) -> list[tuple[bool, Utterance]]:
    index = json.loads(index_path(folder, voice.label).read_text())
    recording = np.memmap(audio_path(folder, voice.label), dtype=np.int16, mode="r")
    return [
        (
            entry["held_out"],
            Utterance(
                language=index["language"],
                voice=index["voice"],
                english=entry["english"],
                german=entry["german"],
                words=tuple(SpokenWord(*word) for word in entry["words"]),
                recording=recording,
                offset=entry["offset"],
                samples=entry["samples"],
            ),
        )
        for entry in index["utterances"]
    ]
