"""Training examples: a clip's audio with target tokens, the time window of each token, and its letters."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from tools.demo.clips import Clip, ClipShape, draw_clip, draw_silence
from tools.demo.corpus import Corpus
from tools.demo.synthesis.speech import SAMPLE_RATE

from .prompts import draw_prompt
from .spelling import respell, spellings_for
from .tokens import Vocabulary

LETTERS = "_abcdefghijklmnopqrstuvwxyzäöüß' "  # CTC symbols of the encoder; the first is the blank
WINDOW_SAMPLES = 30 * SAMPLE_RATE
FRAME_SAMPLES = 320  # audio samples per encoder frame
Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Shares of examples."""

    german: float = 0.25
    translated: float = 0.4  # of the German ones
    copied: float = 0.03  # English ones under the translate task
    prompted: float = 0.0
    redrawn: int = 0  # clips drawn in addition for a prompt, in search of a name with two spellings
    silent: float = 0.01
    timestamped: float = 0.3  # without <|notimestamps|> in the prompt


@dataclass(frozen=True, slots=True)
class Example:
    """`tokens`: prompt, target, end; `windows[k]`: seconds in which target token k is heard."""

    clip: Clip
    task: str
    tokens: list[int]
    prompt_length: int
    timestamped: bool
    windows: list[Window]
    letters: list[int]

    @property
    def reference(self) -> str:
        if self.task == "translate":
            return " ".join(sentence.english for sentence in self.clip.sentences)
        return " ".join(word.text for word in self.clip.words)


def draw_example(
    rng: random.Random, corpus: Corpus, vocabulary: Vocabulary, shape: ClipShape, mixture: Mixture
) -> Example:
    """A random example of the mixture."""
    language = "de" if rng.random() < mixture.german else "en"
    translated = rng.random() < (mixture.translated if language == "de" else mixture.copied)
    task = "translate" if translated else "transcribe"
    shape = replace(shape, cut=0.0) if translated else shape
    if rng.random() < mixture.silent:
        clip = draw_silence(rng, language, rng.uniform(0.5, shape.seconds))
    else:
        clip = draw_clip(rng, corpus, language, shape)
    prompt = ""
    if rng.random() < mixture.prompted:
        clip = _prefer_names(clip, [draw_clip(rng, corpus, language, shape) for _ in range(mixture.redrawn)])
        prompt = draw_prompt(rng, _usual_words(clip))
    return make_example(vocabulary, clip, task, prompt, timestamped=rng.random() < mixture.timestamped)


def _prefer_names(clip: Clip, others: Sequence[Clip]) -> Clip:
    """The first clip with a name that can be spelled in two ways, else `clip`."""
    return next((c for c in (clip, *others) if spellings_for(_usual_words(c))), clip)


def make_example(
    vocabulary: Vocabulary, clip: Clip, task: str, prompt: str = "", *, timestamped: bool
) -> Example:
    """Tokens of `clip` under `task`; the targets always hold each sentence's start and end as timestamps."""
    head = [vocabulary.row_of(f"<|{name}|>") for name in ("startoftranscript", clip.language, task)]
    if not timestamped:
        head.append(vocabulary.row_of("<|notimestamps|>"))
    if prompt:
        head = [vocabulary.row_of("<|startofprev|>"), *vocabulary.encode(prompt), *head]
    wanted = set(re.findall(r"\w+", prompt))
    target: list[int] = []
    windows: list[Window] = []
    for sentence in clip.sentences:
        pieces = [(sentence.start, sentence.start, None)]
        if task == "translate":
            pieces += [(sentence.start, sentence.end, word) for word in sentence.english.split()]
        else:
            margin = 0.04
            for word in sentence.words:
                slack = margin if word.exact else 5 * margin
                pieces.append((word.start - slack, word.end + slack, word.text))
        pieces.append((sentence.end, sentence.end, None))
        for start, end, text in pieces:
            rows = (
                [vocabulary.encode_time(start)] if text is None else vocabulary.encode(respell(text, wanted))
            )
            target += rows
            windows += [(start, end) if text is not None else (start - 0.15, end + 0.15)] * len(rows)
    tokens = [*head, *target, vocabulary.row_of("<|endoftext|>")]
    return Example(clip, task, tokens, len(head), timestamped, windows, _letters(clip))


def _usual_words(clip: Clip) -> str:
    return " ".join([*(word.text for word in clip.words), *(sentence.english for sentence in clip.sentences)])


def _letters(clip: Clip) -> list[int]:
    words = ["".join(c for c in word.text.lower() if c in LETTERS[1:-1]) for word in clip.words]
    return [LETTERS.index(letter) for letter in " ".join(words)]


@dataclass(frozen=True, slots=True)
class Batch:
    """`audio` (B, samples) float32; `tokens` (B, L) int64 with -1 after the end; examples for the rest."""

    audio: torch.Tensor
    tokens: torch.Tensor
    examples: Sequence[Example]


def collate(examples: Sequence[Example], least_samples: int = 0) -> Batch:
    """Pads to the longest clip, or with silence to `least_samples`."""
    longest = max(least_samples, *(len(example.clip.audio) for example in examples))
    samples = min(WINDOW_SAMPLES, (longest // FRAME_SAMPLES + 1) * FRAME_SAMPLES)
    audio = torch.zeros(len(examples), samples)
    tokens = torch.full((len(examples), max(len(example.tokens) for example in examples)), -1)
    for row, example in enumerate(examples):
        heard = np.ascontiguousarray(example.clip.audio[:samples])
        audio[row, : len(heard)] = torch.from_numpy(heard)
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
    return Batch(audio, tokens, examples)
