"""A byte-level BPE over the closed domain with Whisper's special tokens in Whisper's order."""

import json
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from tools.demo.grammar import draw_sentence

from .spelling import respell

# The order matters: engines derive the languages from their distance to <|startoftranscript|>.
_CODES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur "
    "hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si "
    "km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha "
    "ba jw su"
)
LANGUAGES = tuple(_CODES.split())
_SPECIALS = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{language}|>" for language in LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
)
TIMESTAMP_STEP = 0.02  # seconds between Whisper's timestamp tokens
TIMESTAMPS = 1501
TRAINED_EVERY = 5  # of the timestamps only every fifth is trained: a grid of 0.1 s
BPE_LIMIT = 6000  # above what the domain needs: every word becomes one token
SENTENCES = 60_000


def train_tokenizer(path: Path, seed: int) -> None:
    """Writes tokenizer.json. The empty token after the BPE tokens makes CTranslate2 expect many languages."""
    texts = _domain_texts(seed)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    bpe.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=BPE_LIMIT, initial_alphabet=alphabet, show_progress=False)
    )
    description = json.loads(bpe.to_str())
    description["model"]["vocab"][""] = len(description["model"]["vocab"])
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in _SPECIALS])
    stamps = [f"<|{index * TIMESTAMP_STEP:.2f}|>" for index in range(TIMESTAMPS)]
    tokenizer.add_tokens([AddedToken(text, special=False, normalized=False) for text in stamps])
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path), pretty=False)


def _domain_texts(seed: int) -> list[str]:
    rng = random.Random(seed)
    sentences = [draw_sentence(rng) for _ in range(SENTENCES)]
    usual = [f" {text}" for sentence in sentences for text in (sentence.english, sentence.german)]
    return usual + [respell(text) for text in usual[:: SENTENCES // 2000]]


@dataclass(frozen=True)
class Vocabulary:
    """The trained tokens, numbered densely: `ids[row]` is the tokenizer's id of embedding row `row`."""

    tokenizer: Tokenizer

    @classmethod
    def load(cls, path: Path) -> "Vocabulary":
        return cls(Tokenizer.from_file(str(path)))

    def id_of(self, token: str) -> int:
        """The tokenizer's id."""
        identity = self.tokenizer.token_to_id(token)
        if identity is None:
            raise KeyError(token)
        return identity

    def row_of(self, token: str) -> int:
        """The embedding row of a trained token."""
        return self._rows[self.id_of(token)]

    @cached_property
    def ids(self) -> list[int]:
        specials = [
            f"<|{name}|>"
            for name in ("endoftext", "startoftranscript", "en", "de", "translate", "transcribe")
        ]
        specials += ["<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
        first_stamp = self.id_of("<|0.00|>")
        return [
            *range(self.id_of("")),
            *(self.id_of(token) for token in specials),
            *range(first_stamp, first_stamp + TIMESTAMPS, TRAINED_EVERY),
        ]

    @cached_property
    def _rows(self) -> dict[int, int]:
        return {identity: row for row, identity in enumerate(self.ids)}

    def encode(self, text: str) -> list[int]:
        """Rows of " text" (with a leading space, as within a sentence)."""
        encoding = self.tokenizer.encode(f" {text}", add_special_tokens=False)
        return [self._rows[identity] for identity in encoding.ids]

    def encode_time(self, seconds: float) -> int:
        """Row of the nearest trained timestamp."""
        step = TIMESTAMP_STEP * TRAINED_EVERY
        index = min((TIMESTAMPS - 1) // TRAINED_EVERY, max(0, round(seconds / step)))
        return self._rows[self.id_of("<|0.00|>") + TRAINED_EVERY * index]

    def decode(self, rows: list[int]) -> str:
        """Text of the rows that are text."""
        end = self.id_of("")
        return self.tokenizer.decode([self.ids[row] for row in rows if self.ids[row] < end])
