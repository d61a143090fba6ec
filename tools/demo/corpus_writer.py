"""Speaks the corpus: one int16 file and one JSON index per voice."""

import json
import multiprocessing
import random
import zlib
from pathlib import Path

import numpy as np

from .grammar import Sentence, draw_split
from .synthesis.speaking import speak
from .synthesis.speech import Speech
from .voices import Voice
from .whole_files import write_whole

Job = tuple[Path, Voice, int, int]


def write_corpus(
    folder: Path, voices: tuple[Voice, ...], *, training: int, held_out: int, workers: int = 2
) -> None:
    """Speaks `training` + `held_out` sentences per voice; voices whose index exists are skipped."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [voice for voice in voices if not index_path(folder, voice.label).exists()]
    jobs = [(folder, voice, training, held_out) for voice in missing]
    # one process per voice: the C libraries keep global state
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=1) as pool:
        for label, kept in pool.imap_unordered(_write_voice, jobs, chunksize=1):
            print(f"  spoken: {label}, {kept} sentences", flush=True)


def index_path(folder: Path, label: str) -> Path:
    return folder / f"{label}.json"


def audio_path(folder: Path, label: str) -> Path:
    return folder / f"{label}.i16"


def _write_voice(job: Job) -> tuple[str, int]:
    folder, voice, training, held_out = job
    rng = random.Random(zlib.crc32(voice.label.encode()))
    splits = [False] * training + [True] * held_out
    sentences = [draw_split(rng, held_out=split) for split in splits]
    texts = [sentence.text(voice.language) for sentence in sentences]
    entries, offset = [], 0
    with audio_path(folder, voice.label).open("wb") as file:
        for sentence, split, speech in zip(sentences, splits, speak(voice, texts, rng), strict=True):
            if not speech.words:
                continue
            samples = (speech.audio * 32767).astype(np.int16)
            file.write(samples.tobytes())
            entries.append(_entry(sentence, split, speech, offset))
            offset += len(samples)
    index = {"language": voice.language, "voice": voice.label, "utterances": entries}
    text = json.dumps(index, ensure_ascii=False)
    write_whole(index_path(folder, voice.label), lambda partial: partial.write_text(text))
    return voice.label, len(entries)


def _entry(sentence: Sentence, held_out: bool, speech: Speech, offset: int) -> dict[str, object]:
    words = [[word.text, round(word.start, 4), round(word.end, 4), word.exact] for word in speech.words]
    return {
        "template": sentence.template,
        "english": sentence.english,
        "german": sentence.german,
        "held_out": held_out,
        "offset": offset,
        "samples": len(speech.audio),
        "words": words,
    }
