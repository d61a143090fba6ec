"""Which language is spoken: asked of Whisper on stretches of speech, not on whatever opens the recording."""

from collections import defaultdict
from collections.abc import Collection, Sequence

import torch
from whisperx.audio import N_SAMPLES, log_mel_spectrogram

from app.audio.waveform import SAMPLE_RATE, Waveform, to_float32
from app.checkpoint import Checkpoint
from app.engines.platform.libraries import whisperx_asr
from app.engines.whisper.voice_activity import Chunk
from app.options.languages import LANGUAGES
from app.transcript import LanguageGuess

MOST_CHUNKS = 4
SURE = 0.8
"""Mean probability above which no further chunk is asked."""


def guess_language(
    model: "whisperx_asr.WhisperModel",
    waveform: Waveform,
    chunks: Sequence[Chunk],
    checkpoint: Checkpoint,
    allowed: Collection[str] = LANGUAGES,
) -> LanguageGuess:
    """Return which of the `allowed` languages has the highest mean probability over the longest of `chunks`.

    One chunk decides where the model is sure; up to MOST_CHUNKS are averaged where it is not. Without any
    chunk the first 30 seconds are taken as they are.
    """
    longest = sorted(chunks, key=lambda chunk: chunk["start"] - chunk["end"])[:MOST_CHUNKS]
    totals: defaultdict[str, float] = defaultdict(float)
    best = LanguageGuess("en", 0.0)
    for asked, samples in enumerate(_stretches(waveform, longest), start=1):
        checkpoint()
        for code, probability in _probabilities(model, samples):
            totals[code] += probability
        likeliest = max(totals, key=lambda known: totals[known])
        code = max(allowed, key=lambda known: totals.get(known, 0.0))
        best = LanguageGuess(code, totals.get(code, 0.0) / asked, None if likeliest in allowed else likeliest)
        if best.confidence >= SURE:
            break
    return best


def _stretches(waveform: Waveform, chunks: Sequence[Chunk]) -> list[Waveform]:
    if not chunks:
        return [waveform[:N_SAMPLES]]
    cuts = [(int(chunk["start"] * SAMPLE_RATE), int(chunk["end"] * SAMPLE_RATE)) for chunk in chunks]
    return [waveform[start : min(end, start + N_SAMPLES)] for start, end in cuts]


def _probabilities(model: "whisperx_asr.WhisperModel", samples: Waveform) -> list[tuple[str, float]]:
    mels = model.feat_kwargs.get("feature_size") or 80
    padding = N_SAMPLES - len(samples)
    features: torch.Tensor = log_mel_spectrogram(to_float32(samples), n_mels=mels, padding=padding)
    answers = model.model.detect_language(model.encode(features))[0]
    return [(token[2:-2], float(probability)) for token, probability in answers]
