"""Greedy decoding in torch: a quick look at the training's progress."""

import random

import torch

from tools.demo.clips import ClipShape
from tools.demo.corpus import Corpus
from tools.demo.grammar import normalise
from tools.demo.measure.words import match_words

from .examples import Batch, Mixture, collate, draw_example
from .losses import FRAMES_PER_SECOND
from .mel import LogMel
from .model import TinyWhisper
from .tokens import Vocabulary

AUDIO_SECONDS, MOST_CLIPS = 120, 48  # per task
TOKENS_PER_SECOND = 6  # at most
_TASKS = {
    "en": Mixture(german=0, copied=0, silent=0),
    "de": Mixture(german=1, translated=0, silent=0),
    "de>en": Mixture(german=1, translated=1, silent=0),
}


@torch.no_grad()
def word_error_rates(
    model: TinyWhisper,
    mel: LogMel,
    vocabulary: Vocabulary,
    corpus: Corpus,
    seconds: float,
    rng: random.Random,
) -> dict[str, float]:
    """Word error rate in percent per task, on clips of at most `seconds`."""
    shape = ClipShape(seconds, sentences=1 if seconds <= 4 else None)
    rates = {}
    for name, mixture in _TASKS.items():
        count = min(MOST_CLIPS, int(AUDIO_SECONDS / seconds))
        batch = collate([draw_example(rng, corpus, vocabulary, shape, mixture) for _ in range(count)])
        errors = words = 0
        for example, text in zip(batch.examples, decode(model, mel, vocabulary, batch), strict=True):
            reference = normalise(example.reference)
            errors += match_words(reference, normalise(text)).errors
            words += len(reference)
        rates[name] = round(100 * errors / words, 2)
    return rates


def decode(model: TinyWhisper, mel: LogMel, vocabulary: Vocabulary, batch: Batch) -> list[str]:
    """The likeliest text of each clip, with the language and task of the batch's first example."""
    first = batch.examples[0]
    names = ("startoftranscript", first.clip.language, first.task, "notimestamps")
    end = vocabulary.row_of("<|endoftext|>")
    tokens = torch.tensor([[vocabulary.row_of(f"<|{name}|>") for name in names]] * len(batch.examples))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        encoded = model.encoder(mel(batch.audio))
        ended = torch.zeros(len(tokens), dtype=torch.bool)
        for _ in range(TOKENS_PER_SECOND * encoded.shape[1] // FRAMES_PER_SECOND):
            following = model.decoder(tokens, encoded)[0][:, -1].argmax(-1).masked_fill(ended, end)
            tokens = torch.cat([tokens, following[:, None]], 1)
            ended |= following == end
            if ended.all():
                break
    return [vocabulary.decode(row) for row in tokens[:, len(names) :].tolist()]
