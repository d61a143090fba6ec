"""Trains the stages one after another, from the last checkpoint."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tools.demo.checkpoints import resume_training, save_training
from tools.demo.clips import ClipShape
from tools.demo.corpus import Corpus
from tools.demo.optimiser import Optimisers, cosine
from tools.demo.synthesis.speech import SAMPLE_RATE
from tools.demo.whole_files import write_whole

from .examples import LETTERS, WINDOW_SAMPLES, Batch, collate, draw_example
from .greedy import word_error_rates
from .losses import FRAMES_PER_SECOND, batch_losses
from .mel import LogMel
from .model import FRAMES, TinyWhisper
from .stages import Stage, weights_path
from .tokens import Vocabulary

SAVE_EVERY, REPORT_EVERY, CHECK_EVERY = 100, 50, 500  # steps


def new_model(vocabulary: Vocabulary) -> TinyWhisper:
    return TinyWhisper(len(vocabulary.ids), len(LETTERS))


class StageTraining:
    """One stage: its model, optimisers and random state, resumable at every saved step."""

    def __init__(
        self, stage: Stage, folder: Path, vocabulary: Vocabulary, training: Corpus, held_out: Corpus
    ) -> None:
        self._stage, self._folder, self._vocabulary = stage, folder, vocabulary
        self._training, self._held_out = training, held_out
        torch.manual_seed(stage.seed)
        self._rng = random.Random(stage.seed)
        self._mel = LogMel()
        self.model = new_model(vocabulary)
        self._optimisers = Optimisers(self.model, muon=stage.muon, adam=stage.adam)

    @property
    def _checkpoint(self) -> Path:
        return self._folder / f"{self._stage.name}-training.pt"

    def start_from(self, weights: dict[str, torch.Tensor]) -> None:
        """Takes over the weights of the stage before."""
        self.model.load_state_dict(weights)
        if self._stage.coded_times:
            rows = list(
                dict.fromkeys(self._vocabulary.encode_time(k / FRAMES_PER_SECOND) for k in range(FRAMES))
            )
            self.model.code_times(torch.tensor(rows))

    def run(self) -> None:
        """Trains to the stage's last step and writes its weights."""
        step = resume_training(self._checkpoint, self._rng, model=self.model, optimisers=self._optimisers)
        started, recent = time.monotonic(), []
        self.model.train()
        while step < self._stage.steps:
            step += 1
            recent.append(self._step(step))
            if step % REPORT_EVERY == 0:
                numbers = " ".join(f"{number:.3f}" for number in np.mean(recent, axis=0))
                print(
                    f"  {self._stage.name} {step}: {numbers} ({time.monotonic() - started:.0f} s)", flush=True
                )
                recent = []
            if step % SAVE_EVERY == 0:
                save_training(
                    self._checkpoint, step, self._rng, model=self.model, optimisers=self._optimisers
                )
            if step % CHECK_EVERY == 0 or step == self._stage.steps:
                self._check(step)
        state = self.model.state_dict()
        write_whole(weights_path(self._folder, self._stage), lambda partial: torch.save(state, partial))

    def _step(self, step: int) -> tuple[float, float, float]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = batch_losses(self.model, self._mel, self._draw_batch())
        losses.total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimisers.step(cosine(step, self._stage.steps, self._stage.warm_up, self._stage.floor))
        return losses.numbers()

    def _draw_batch(self) -> Batch:
        stage, rng = self._stage, self._rng
        lengths, shares = zip(*stage.lengths, strict=True)
        seconds = rng.choices(lengths, shares)[0]
        least = 0
        if rng.random() < stage.padded:
            least = WINDOW_SAMPLES if rng.random() < 0.6 else int(rng.uniform(seconds, 30) * SAMPLE_RATE)
        count = max(2, int(stage.batch_seconds / max(seconds, least / SAMPLE_RATE)))
        shape = ClipShape(seconds, sentences=1 if seconds <= 4 else None)
        examples = [
            draw_example(rng, self._training, self._vocabulary, shape, stage.mixture) for _ in range(count)
        ]
        return collate(examples, least)

    def _check(self, step: int) -> None:
        """Prints greedy word error rates on held-out clips of the stage's longest kind."""
        rng = random.Random(123)
        seconds = max(length for length, _ in self._stage.lengths)
        self.model.eval()
        rates = word_error_rates(self.model, self._mel, self._vocabulary, self._held_out, seconds, rng)
        self.model.train()
        print(f"  {self._stage.name} {step}: held-out clips of {seconds:.0f} s: {rates}", flush=True)


def train(
    stages: tuple[Stage, ...], folder: Path, vocabulary: Vocabulary, training: Corpus, held_out: Corpus
) -> Iterator[Path]:
    """Runs the stages that have no weights yet, each from the one before; yields what they write."""
    previous: Path | None = None
    for stage in stages:
        finished = weights_path(folder, stage)
        if not finished.exists():
            job = StageTraining(stage, folder, vocabulary, training, held_out)
            if previous is not None:
                job.start_from(torch.load(previous))
            job.run()
            yield finished
        previous = finished
