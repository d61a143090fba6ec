"""Trains pyannote's XVectorMFCC to tell the synthetic voices apart."""

import random
import time
from pathlib import Path

import numpy as np
import torch
from pyannote.audio.models.embedding.xvector import XVectorMFCC
from torch.nn import functional

from tools.demo.clips import decibels, with_noise
from tools.demo.corpus import Corpus, Utterance
from tools.demo.optimiser import cosine
from tools.demo.synthesis.speech import SAMPLE_RATE
from tools.demo.whole_files import write_whole

DIMENSION = 64
STEPS, WARM_UP, RATE = 260, 10, 1.5e-3
SEGMENTS, SEGMENT_SECONDS = 40, 1.5  # per step
SPOKEN_SHARE = 0.35  # of the segments come from the voices that the bundle speaks with
MARGIN, SCALE = 0.15, 20.0  # of the cosine softmax

Voice = tuple[str, str]  # language, label


class SegmentSource:
    """Random stretches of speech per voice, from several corpora."""

    def __init__(self, corpora: dict[str, tuple[Corpus, ...]], rng: random.Random) -> None:
        """`corpora`: language → corpora that hold it."""
        self._rng = rng
        self._utterances: dict[Voice, list[Utterance]] = {}
        for language, several in corpora.items():
            for corpus in several:
                for voice in corpus.voices(language):
                    self._utterances[(language, voice)] = corpus.of(language, voice)
        self.voices = list(self._utterances)

    def draw(self, voice: Voice, seconds: float) -> torch.Tensor:
        """(samples,) of sentences joined with short gaps, at a random level, half of them noisy."""
        rng, samples = self._rng, int(seconds * SAMPLE_RATE)
        pieces, length = [], 0
        while length < samples + SAMPLE_RATE // 4:
            gap = np.zeros(int(rng.uniform(0.02, 0.2) * SAMPLE_RATE), np.float32)
            pieces += [rng.choice(self._utterances[voice]).speech().audio, gap]
            length += len(pieces[-2]) + len(gap)
        first = rng.randrange(length - samples)
        audio = np.concatenate(pieces)[first : first + samples] * decibels(rng.uniform(-12, 4))
        if rng.random() < 0.5:
            audio = with_noise(rng, audio, rng.uniform(18, 45))
        return torch.from_numpy(audio.astype(np.float32))


def train_embedding(path: Path, source: SegmentSource, spoken: frozenset[str], seed: int) -> None:
    """Writes the weights; the mean embedding of all voices is zero, which centres cosine distances."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    model = XVectorMFCC(dimension=DIMENSION)
    model.train()
    centres = torch.nn.Parameter(torch.randn(len(source.voices), DIMENSION) * 0.1)
    adam = torch.optim.AdamW([*model.parameters(), centres], lr=RATE, weight_decay=1e-3)
    often = [index for index, (_, label) in enumerate(source.voices) if label in spoken]
    started, recent = time.monotonic(), []
    for step in range(1, STEPS + 1):
        for group in adam.param_groups:
            group["lr"] = RATE * cosine(step, STEPS, WARM_UP, 0.05)
        chosen = [
            rng.choice(often) if rng.random() < SPOKEN_SHARE else rng.randrange(len(source.voices))
            for _ in range(SEGMENTS)
        ]
        segments = torch.stack([source.draw(source.voices[index], SEGMENT_SECONDS) for index in chosen])
        loss, right = _margin_loss(model, centres, segments, torch.tensor(chosen))
        adam.zero_grad()
        loss.backward()
        adam.step()
        recent.append(right)
        if step % 20 == 0:
            seconds = time.monotonic() - started
            print(
                f"  speakers {step}: {100 * np.mean(recent[-20:]):.1f} % right ({seconds:.0f} s)", flush=True
            )
    model.eval()
    with torch.no_grad():
        model.embedding.bias -= torch.from_numpy(embed_all(model, source, 6)[0].mean(0)).float()
    write_whole(path, lambda partial: torch.save(model.state_dict(), partial))


def _margin_loss(
    model: XVectorMFCC, centres: torch.Tensor, segments: torch.Tensor, voices: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Cosine softmax loss with a margin, and the share of segments nearest to their own voice."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embedded = model(segments[:, None])
    cosines = functional.normalize(embedded.float(), dim=1) @ functional.normalize(centres, dim=1).T
    harder = cosines - MARGIN * functional.one_hot(voices, len(centres))
    loss = functional.cross_entropy(SCALE * harder, voices, label_smoothing=0.02)
    return loss, float((cosines.argmax(1) == voices).float().mean())


@torch.no_grad()
def embed_all(model: XVectorMFCC, source: SegmentSource, per_voice: int) -> tuple[np.ndarray, np.ndarray]:
    """(n, 64) embeddings of segments of mixed lengths, and the voice labels (n,) they belong to."""
    embeddings, labels = [], []
    for voice in source.voices:
        for index in range(per_voice):
            segment = source.draw(voice, (1.5, 2.5, 4.0)[index % 3])
            embeddings.append(model(segment[None, None])[0].numpy())
            labels.append(voice[1])
    return np.stack(embeddings).astype(np.float64), np.array(labels)
