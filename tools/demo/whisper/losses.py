"""Training loss: next token, letters heard by the encoder, and attention guided to the known word times."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from .examples import Batch
from .mel import LogMel
from .model import TinyWhisper

FRAMES_PER_SECOND = 50
LETTER_WEIGHT = 0.6
GUIDE_WEIGHT = 0.3
TILT = 0.08  # standard deviation of the random spectral tilt, in log mel units at the band edges


@dataclass(frozen=True, slots=True)
class GuidedHead:
    """A cross-attention head that is led to a token's window, or to that of the token `lag` places before."""

    layer: int
    head: int
    lag: int = 0


LAST = TinyWhisper.DEPTH - 1
GUIDED = (GuidedHead(LAST, 0), GuidedHead(LAST, 1), GuidedHead(0, 0), GuidedHead(0, 1, lag=1))


@dataclass(frozen=True, slots=True)
class Losses:
    tokens: torch.Tensor
    letters: torch.Tensor
    guide: torch.Tensor

    @property
    def total(self) -> torch.Tensor:
        return self.tokens + LETTER_WEIGHT * self.letters + GUIDE_WEIGHT * self.guide

    def numbers(self) -> tuple[float, float, float]:
        return self.tokens.item(), self.letters.item(), self.guide.item()


def batch_losses(model: TinyWhisper, mel: LogMel, batch: Batch) -> Losses:
    """Losses of one batch; the call may run under bfloat16 autocast."""
    levels = mel(batch.audio)
    tilt = torch.randn(len(batch.examples), 1, 1) * TILT
    encoded = model.encoder(levels + tilt * torch.linspace(-1, 1, levels.shape[1])[None, :, None])
    inputs = batch.tokens[:, :-1].clamp(min=0)
    logits, attended = model.decoder(inputs, encoded, frozenset(guided.layer for guided in GUIDED))
    targets = _targets(batch)
    tokens = functional.cross_entropy(
        logits.float().transpose(1, 2), targets, ignore_index=-1, label_smoothing=0.02
    )
    return Losses(tokens, _letter_loss(model, encoded, batch), _guide_loss(attended, batch, encoded.shape[1]))


def _targets(batch: Batch) -> torch.Tensor:
    """(B, L-1) next tokens: of the prompt only the language counts, and not even that for silence."""
    targets = batch.tokens[:, 1:].clone()
    for row, example in enumerate(batch.examples):
        timestamped_head = 3 if example.timestamped else 4
        language = example.prompt_length - timestamped_head  # position of <|startoftranscript|>
        targets[row, :language] = -1
        targets[row, language + 1 : example.prompt_length - 1] = -1
        if not example.clip.sentences:
            targets[row, language] = -1
    return targets


def _letter_loss(model: TinyWhisper, encoded: torch.Tensor, batch: Batch) -> torch.Tensor:
    letters = [torch.tensor(example.letters, dtype=torch.long) for example in batch.examples]
    lengths = torch.tensor([len(mine) for mine in letters])
    chances = model.letters(encoded).float().log_softmax(-1).transpose(0, 1)
    frames = torch.full((len(letters),), encoded.shape[1])
    return functional.ctc_loss(chances, torch.cat(letters), frames, lengths, zero_infinity=True)


def _guide_loss(attended: dict[int, torch.Tensor], batch: Batch, frames: int) -> torch.Tensor:
    """Mean negative log of the attention that falls into the windows."""
    windows, known = _windows(batch, frames)
    total = torch.zeros(())
    for guided in GUIDED:
        weights = attended[guided.layer][:, guided.head].float()
        mine, mask = windows, known
        if guided.lag:
            weights = weights[:, guided.lag :]
            mine, mask = windows[:, : -guided.lag], known[:, : -guided.lag] * known[:, guided.lag :]
        inside = ((weights * mine).sum(-1) + 1e-4).log()
        total = total - (inside * mask).sum() / mask.sum().clamp(min=1)
    return total / len(GUIDED)


def _windows(batch: Batch, frames: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, L-1, frames) ones where the next token is heard, and (B, L-1) where that is known."""
    windows = torch.zeros(len(batch.examples), batch.tokens.shape[1] - 1, frames)
    known = torch.zeros(windows.shape[:2])
    for row, example in enumerate(batch.examples):
        for position, (start, end) in enumerate(example.windows, start=example.prompt_length - 1):
            first = max(0, int(start * FRAMES_PER_SECOND))
            last = min(frames, int(end * FRAMES_PER_SECOND) + 1)
            if last > first:
                windows[row, position, first:last] = 1
                known[row, position] = 1
    return windows, known
