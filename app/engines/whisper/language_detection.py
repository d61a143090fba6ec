"""Which language is spoken: asked of Whisper on stretches of speech, not on whatever opens the recording."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from whisperx.audio import N_SAMPLES, log_mel_spectrogram

from app.audio.waveform import SAMPLE_RATE, Waveform
from app.checkpoint import Checkpoint
from app.engines.platform.libraries import whisperx_asr
from app.engines.whisper.levels import evened
from app.engines.whisper.voice_activity import Chunk
from app.options.languages import LANGUAGES, UNDETERMINED
from app.transcript import LanguageGuess

MOST_SAMPLES = 5
"""Places of a recording that are asked at most; three that agree decide."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A chunk that speaks for the speech around it."""

    chunk: Chunk
    weight: float
    """Seconds of speech it stands for."""


def guess_language(
    model: "whisperx_asr.WhisperModel",
    waveform: Waveform,
    chunks: Sequence[Chunk],
    checkpoint: Checkpoint,
    allowed: Collection[str] = LANGUAGES,
) -> LanguageGuess:
    """Return which of the `allowed` languages most of the speech in `chunks` is in.

    Samples from all over the recording are asked, each weighing as much as the speech it stands for, until
    no further one can overturn the result. UNDETERMINED where there is no speech.
    """
    if not chunks:
        return LanguageGuess(UNDETERMINED, 0.0)
    samples = samples_of(chunks)
    whole = sum(sample.weight for sample in samples)
    totals: defaultdict[str, float] = defaultdict(float)
    asked = 0.0
    for sample in samples:
        checkpoint()
        asked += sample.weight
        for code, probability in _probabilities(model, _cut(waveform, sample.chunk)):
            totals[code] += sample.weight * probability
        if max(totals.values()) > whole / 2:
            break
    likeliest = max(totals, key=lambda known: totals[known])
    code = max(allowed, key=lambda known: totals.get(known, 0.0))
    passed_over = None if likeliest in allowed else likeliest
    return LanguageGuess(code, min(1.0, totals.get(code, 0.0) / asked), passed_over)


def samples_of(chunks: Sequence[Chunk]) -> list[Sample]:
    """Return the longest chunk of each of at most MOST_SAMPLES stretches of `chunks`, the weightiest first.

    The stretches hold about equally much speech, in order of time.
    """
    whole = sum(map(_seconds, chunks)) or 1.0
    stretches: defaultdict[int, list[Chunk]] = defaultdict(list)
    before = 0.0
    for chunk in chunks:
        middle = before + _seconds(chunk) / 2
        stretches[min(int(MOST_SAMPLES * middle / whole), MOST_SAMPLES - 1)].append(chunk)
        before += _seconds(chunk)
    samples = [Sample(max(part, key=_seconds), sum(map(_seconds, part))) for part in stretches.values()]
    return sorted(samples, key=lambda sample: -sample.weight)


def _seconds(chunk: Chunk) -> float:
    return chunk["end"] - chunk["start"]


def _cut(waveform: Waveform, chunk: Chunk) -> Waveform:
    start, end = int(chunk["start"] * SAMPLE_RATE), int(chunk["end"] * SAMPLE_RATE)
    return waveform[start : min(end, start + N_SAMPLES)]


def _probabilities(model: "whisperx_asr.WhisperModel", samples: Waveform) -> list[tuple[str, float]]:
    mels = model.feat_kwargs.get("feature_size") or 80
    padding = N_SAMPLES - len(samples)
    features: torch.Tensor = log_mel_spectrogram(evened(samples), n_mels=mels, padding=padding)
    answers = model.model.detect_language(model.encode(features))[0]
    return [(token[2:-2], float(probability)) for token, probability in answers]
