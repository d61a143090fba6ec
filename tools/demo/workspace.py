"""Where each step keeps its outputs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Workspace:
    """`work`: intermediate outputs, to resume from; `bundle`: what is shipped; `tests`: their recordings."""

    work: Path
    bundle: Path
    tests: Path

    @property
    def corpus(self) -> Path:
        return self.work / "corpus"

    @property
    def whisper(self) -> Path:
        return self.work / "whisper"

    @property
    def tokenizer(self) -> Path:
        return self.whisper / "tokenizer.json"

    @property
    def aligner(self) -> Path:
        return self.work / "aligner" / "aligner.pt"

    @property
    def embedding(self) -> Path:
        return self.work / "speakers" / "embedding.pt"

    @property
    def plda(self) -> Path:
        return self.work / "speakers" / "plda"
