"""Trains the aligner on short clips of both languages."""

import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from tools.demo.checkpoints import resume_training, save_training
from tools.demo.clips import ClipShape, draw_clip
from tools.demo.corpus import Corpus
from tools.demo.optimiser import Optimisers, cosine
from tools.demo.synthesis.speech import SAMPLE_RATE
from tools.demo.whole_files import write_whole

from .letters import frame_targets
from .model import frame_count, new_aligner, speed_up_training

STEPS, WARM_UP, FLOOR = 1000, 100, 0.02
MUON_RATE, ADAM_RATE = 0.01, 2e-3
CLIP_SECONDS, CLIPS = 6.0, 10  # per step
GERMAN = 0.35
SEQUENCE_WEIGHT = 0.3
SAVE_EVERY, REPORT_EVERY = 100, 50


@dataclass(frozen=True, slots=True)
class AlignerBatch:
    """`audio` (B, samples), `labels` and `weights` (B, frames), one symbol sequence per clip."""

    audio: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    sequences: list[list[int]]


def train_aligner(path: Path, corpus: Corpus, seed: int) -> None:
    """Trains and writes the weights to `path`; continues from the checkpoint beside it."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = new_aligner()
    speed_up_training(model)
    model.train()
    optimisers = Optimisers(model, muon=MUON_RATE, adam=ADAM_RATE)
    checkpoint = path.with_name(f"{path.stem}-training.pt")
    step = resume_training(checkpoint, rng, model=model, optimisers=optimisers)
    started, recent = time.monotonic(), []
    while step < STEPS:
        step += 1
        recent.append(_train_step(model, _draw_batch(rng, corpus)))
        optimisers.step(cosine(step, STEPS, WARM_UP, FLOOR))
        if step % REPORT_EVERY == 0:
            numbers = " ".join(f"{number:.3f}" for number in np.mean(recent, axis=0))
            print(f"  aligner {step}: {numbers} ({time.monotonic() - started:.0f} s)", flush=True)
            recent = []
        if step % SAVE_EVERY == 0:
            save_training(checkpoint, step, rng, model=model, optimisers=optimisers)
    write_whole(path, lambda partial: torch.save(model.state_dict(), partial))


def _draw_batch(rng: random.Random, corpus: Corpus) -> AlignerBatch:
    shape = ClipShape(CLIP_SECONDS)
    clips = [draw_clip(rng, corpus, "de" if rng.random() < GERMAN else "en", shape) for _ in range(CLIPS)]
    audio = torch.zeros(CLIPS, max(len(clip.audio) for clip in clips))
    for row, clip in enumerate(clips):
        audio[row, : len(clip.audio)] = torch.from_numpy(clip.audio)
    frames, seconds = frame_count(audio.shape[1]), audio.shape[1] / SAMPLE_RATE
    targets = [frame_targets(rng, clip.words, frames, seconds) for clip in clips]
    return AlignerBatch(
        audio,
        torch.tensor([target.labels for target in targets]),
        torch.tensor([target.weights for target in targets]),
        [target.sequence for target in targets],
    )


def _train_step(model: nn.Module, batch: AlignerBatch) -> tuple[float, float]:
    """Leaves gradients; returns the losses of the frames' labels and of the symbol sequences."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(batch.audio).logits.float()
    each = functional.cross_entropy(logits.transpose(1, 2), batch.labels, reduction="none")
    frames = (each * batch.weights).sum() / batch.weights.sum()
    sequences = functional.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1),
        torch.tensor([symbol for sequence in batch.sequences for symbol in sequence]),
        torch.full((CLIPS,), logits.shape[1]),
        torch.tensor([len(sequence) for sequence in batch.sequences]),
        zero_infinity=True,
    )
    (frames + SEQUENCE_WEIGHT * sequences).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    return frames.item(), sequences.item()
