"""A transcript as long as a working day, for what must not grow slow with it."""

import itertools
import random
from typing import Any

WORDS_PER_LINE, LINES_PER_TURN, SECONDS_PER_WORD = 9, 4, 0.36


def long_transcript(words: int) -> dict[str, Any]:
    """Return a document of `words` words by four people, always the same."""
    chance = random.Random(7)
    said = ["".join(chance.choices("abcdefghijklmnoprstuvw", k=chance.randint(2, 10))) for _ in range(words)]
    lines = [said[at : at + WORDS_PER_LINE] for at in range(0, words, WORDS_PER_LINE)]
    number = itertools.count()
    segments = [
        _segment(line, f"SPEAKER_0{index // LINES_PER_TURN % 4}", number) for index, line in enumerate(lines)
    ]
    about = {"language": "en", "model": "demo", "duration": round(words * SECONDS_PER_WORD, 3)}
    spoken = [word for segment in segments for word in segment["words"]]
    return {"text": "", "segments": segments, "word_segments": spoken, **about}


def _segment(line: list[str], speaker: str, number: "itertools.count[int]") -> dict[str, Any]:
    starts = [round(next(number) * SECONDS_PER_WORD, 3) for _ in line]
    words = [
        {"word": word, "start": start, "end": round(start + 0.3, 3), "score": 0.87, "speaker": speaker}
        for word, start in zip(line, starts, strict=True)
    ]
    return {
        "start": starts[0],
        "end": words[-1]["end"],
        "text": " ".join(line),
        "speaker": speaker,
        "words": words,
    }
