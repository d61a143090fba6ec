"""festival in batch: one process speaks many sentences and writes their word times."""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import soundfile

from .speech import Speech, SpokenWord, resample, without_overlaps

PROGRAM = "festival"

_SPEAK = """(Parameter.set 'Duration_Stretch {stretch})
(let ((utterance (utt.synth (Utterance Text "{text}")))
      (times (fopen "{stem}.txt" "w")))
  (utt.save.wave utterance "{stem}.wav" 'riff)
  (mapcar (lambda (word)
            (format times "%f %f\\n" (item.feat word "word_start") (item.feat word "word_end")))
          (utt.relation.items utterance 'Word))
  (fclose times))
"""


def speak_all(voice: str, requests: Sequence[tuple[str, float]]) -> list[Speech]:
    """Speech for each (text, duration stretch), in order."""
    with tempfile.TemporaryDirectory() as folder:
        script = [f"(voice_{voice})"]
        for index, (text, stretch) in enumerate(requests):
            script.append(_SPEAK.format(stretch=stretch, text=text, stem=Path(folder, str(index))))
        Path(folder, "speak.scm").write_text("\n".join(script))
        subprocess.run([PROGRAM, "-b", str(Path(folder, "speak.scm"))], check=True)
        return [_read(Path(folder, str(index)), text.split()) for index, (text, _) in enumerate(requests)]


def _read(stem: Path, texts: list[str]) -> Speech:
    audio, rate = soundfile.read(stem.with_suffix(".wav"), dtype="float32")
    spans = [
        tuple(map(float, line.split())) for line in stem.with_suffix(".txt").read_text().splitlines() if line
    ]
    words = (
        [SpokenWord(t, *span) for t, span in zip(texts, spans, strict=False)]
        if len(spans) == len(texts)
        else []
    )
    return Speech(resample(audio, rate), without_overlaps(words))
