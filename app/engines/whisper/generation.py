"""A batch of chunks to text, with the numbers that a request asks for."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ctranslate2
import torch

from app.engines.platform.libraries import whisper_tokenizer, whisper_transcribe
from app.engines.whisper.model import WhisperModel
from app.engines.whisper.token_text import token_bytes
from app.transcript import Decoding, Token


@dataclass(frozen=True, slots=True)
class Detail:
    """What is to be known of the decoding beside its text; each costs time."""

    decoding: bool = False
    token_logprobs: bool = False
    """Needs `decoding`."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of one chunk."""

    text: str
    avg_logprob: float
    """Mean log probability of its tokens and of the end after them."""
    decoding: Decoding | None


@dataclass(frozen=True, slots=True)
class Generator:
    """Decodes the chunks of one request, all with the same prompt; the weights are shared."""

    model: WhisperModel
    tokenizer: "whisper_tokenizer.Tokenizer"
    options: "whisper_transcribe.TranscriptionOptions"
    detail: Detail

    def decode(self, features: torch.Tensor) -> list[Decoded]:
        """Return the text of each of `features` (chunks, mels, frames)."""
        prompt = self._prompt()
        encoded = self.model.encode(features)
        results = self.model.model.generate(
            encoded,
            [prompt] * len(features),
            length_penalty=self.options.length_penalty,
            max_length=self.model.max_length,
            suppress_blank=self.options.suppress_blank,
            suppress_tokens=self.options.suppress_tokens,
            no_repeat_ngram_size=self.options.no_repeat_ngram_size,
            repetition_penalty=self.options.repetition_penalty,
            return_scores=True,
            return_no_speech_prob=self.detail.decoding,
            **self._search(),
        )
        written = [result.sequences_ids[0] for result in results]
        logprobs = self._logprobs(encoded, prompt, written)
        texts = self.tokenizer.tokenizer.decode_batch([self._of_text(tokens) for tokens in written])
        return [
            Decoded(text, self._mean_logprob(result), self._decoding(result, known))
            for text, result, known in zip(texts, results, logprobs, strict=True)
        ]

    def _prompt(self) -> list[int]:
        text = self.options.initial_prompt
        prompt: list[int] = self.model.get_prompt(
            self.tokenizer,
            self.tokenizer.encode(" " + text.strip()) if text else [],
            without_timestamps=self.options.without_timestamps,
            prefix=self.options.prefix,
            hotwords=self.options.hotwords,
        )
        return prompt

    def _search(self) -> dict[str, Any]:
        """Return how tokens are chosen: the likeliest by beam search, or the best of several drawn ones."""
        temperature = self.options.temperatures[0]
        if temperature == 0:
            return {"beam_size": self.options.beam_size, "patience": self.options.patience}
        return {
            "beam_size": 1,
            "num_hypotheses": self.options.best_of,
            "sampling_topk": 0,
            "sampling_temperature": temperature,
        }

    def _mean_logprob(self, result: Any) -> float:
        length = len(result.sequences_ids[0])
        return float(result.scores[0] * length**self.options.length_penalty / (length + 1))

    def _of_text(self, tokens: Sequence[int]) -> list[int]:
        return [token for token in tokens if token < self.tokenizer.eot]

    def _decoding(self, result: Any, logprobs: Sequence[float] | None) -> Decoding | None:
        if not self.detail.decoding:
            return None
        numbers = result.sequences_ids[0]
        known: Sequence[float | None] = [None] * len(numbers) if logprobs is None else logprobs
        name: Callable[[int], str] = self.tokenizer.tokenizer.id_to_token
        return Decoding(
            tokens=tuple(
                Token(number, token_bytes(name(number)), logprob)
                for number, logprob in zip(numbers, known, strict=True)
                if number < self.tokenizer.eot
            ),
            temperature=self.options.temperatures[0],
            no_speech_prob=float(result.no_speech_prob),
        )

    def _logprobs(
        self, encoded: ctranslate2.StorageView, prompt: Sequence[int], written: Sequence[list[int]]
    ) -> Sequence[Sequence[float] | None]:
        """Return the log probability of every token `written`, found by reading them out once more."""
        if not self.detail.token_logprobs:
            return [None] * len(written)
        start = [token for token in prompt if token != self.tokenizer.no_timestamps]
        read_out = [tokens or [self.tokenizer.no_timestamps] for tokens in written]
        answers = self.model.model.align(encoded, start, read_out, encoded.shape[1] * 2)
        return [
            [math.log(max(probability, 1e-30)) for probability in answer.text_token_probs[: len(tokens)]]
            for answer, tokens in zip(answers, written, strict=True)
        ]
