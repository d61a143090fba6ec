"""The short recordings inside the packages: dialogue with its words, telephone prompts, music."""

import hashlib
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from app.audio.ffmpeg_binary import find_ffmpeg
from app.audio.waveform import SAMPLE_RATE, Waveform
from benchmarks.speech.fetch import Material

_G722_BYTES_PER_SECOND = 8000
_LINE = re.compile(
    r'dialogId\("(?P<id>[^"]+)",\s*"(?P<speaker>[^"]*)",\s*"(?P<english>(?:[^"\\]|\\.)*)"\)\s*'
    r'dialogStr\("(?P<text>(?:[^"\\]|\\.)*)"\)'
)
_NOT_SPEECH = re.compile(r"beep|tone|silence|confbridge-(join|leave)")
PROMPTS = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
"""Directory of the voice, by language."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One utterance in a file of its own."""

    file: Path
    language: str
    text: str | None = None
    """Its words; None where nobody wrote them down."""
    english: str | None = None

    @property
    def is_held_out(self) -> bool:
        """Return whether it is in the half that nothing was chosen by: a fixed draw by its name."""
        name = f"{self.language}/{self.file.stem}"
        return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


def dialogue(material: Material, language: str) -> list[Clip]:
    """Return the acted dialogue in `language` (nl or cs) whose words are known, ordered by name."""
    game = material.share / "games" / "fillets-ng"
    clips: dict[Path, Clip] = {}
    for script in sorted(game.glob(f"script/*/dialogs_{language}.lua")):
        folder = game / "sound" / script.parent.name / language
        for line in _LINE.finditer(script.read_text(encoding="utf-8")):
            file = folder / f"{line['id']}.ogg"
            if file.exists():
                clips[file] = Clip(file, language, _unescaped(line["text"]), _unescaped(line["english"]))
    return [clips[file] for file in sorted(clips)]


def prompts(material: Material, language: str, least_seconds: float = 1.0) -> list[Clip]:
    """Return the spoken telephone prompts in `language` of at least so many seconds, ordered by name."""
    folder = material.share / "asterisk" / "sounds" / PROMPTS[language]
    spoken = (file for file in sorted(folder.glob("*.g722")) if not _NOT_SPEECH.search(file.stem))
    least = least_seconds * _G722_BYTES_PER_SECOND
    return [Clip(file, language) for file in spoken if file.stat().st_size >= least]


def music(material: Material) -> Iterator[Path]:
    """Yield the pieces of music without speech."""
    yield from sorted((material.share / "asterisk" / "moh").glob("*.wav"))
    yield from sorted((material.share / "games" / "fillets-ng" / "music").glob("*.ogg"))


@lru_cache(maxsize=256)
def samples_of(file: Path) -> Waveform:
    """Return `file` as 16 kHz mono samples (samples,)."""
    if file.suffix == ".g722":
        return _with_ffmpeg(file)
    sound, rate = soundfile.read(file, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    if rate != SAMPLE_RATE:
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    return np.clip(np.round(mono * 32767), -32768, 32767).astype(np.int16)


def _with_ffmpeg(file: Path) -> Waveform:
    command = [find_ffmpeg(), "-v", "error", "-f", "g722", "-i", str(file)]
    command += ["-f", "s16le", "-ac", "1", "-ar", str(SAMPLE_RATE), "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, dtype=np.int16)


def _unescaped(text: str) -> str:
    return text.replace(r"\"", '"').replace(r"\n", " ")
