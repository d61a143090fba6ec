"""What a Whisper model was trained to do, as its own files tell before it is loaded."""

import json
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from app.models.fetcher import ModelFetcher
from app.models.model_files import WHISPER_FILES
from app.models.model_spec import Abilities
from app.options.languages import LANGUAGES

_LAYER = re.compile(r"(encoder|decoder)/layer_(\d+)/")
_BINARY_VERSIONS = (4, 5, 6)
"""Of CTranslate2's model files: those that write a variable as name, shape, type, size and content."""


def read_abilities(directory: Path) -> Abilities:
    """Return what the CTranslate2 model in `directory` can do; what its files do not tell, it can.

    OpenAI's English-only models lack the empty token that all others have, which is what CTranslate2 goes by.
    Those that were distilled, turbo among them, have fewer layers in the decoder than in the encoder: they
    were trained on transcripts alone.
    """
    try:
        vocabulary = _vocabulary(directory)
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        distilled = _is_distilled(directory / "model.bin")
    except (OSError, ValueError, struct.error):
        return Abilities()
    english_only = _is_english_only(vocabulary, config)
    translates = not english_only and not distilled and "<|translate|>" in vocabulary
    return Abilities(english_only=english_only, translates=translates)


def abilities_on_disk(fetcher: ModelFetcher, models: Mapping[str, str]) -> dict[str, Abilities]:
    """Return what `models`, sources by name, can do, for those that are on disk; nothing is downloaded."""
    known = {name: _abilities_of(fetcher, source) for name, source in models.items()}
    return {name: abilities for name, abilities in known.items() if abilities is not None}


def _abilities_of(fetcher: ModelFetcher, source: str) -> Abilities | None:
    try:
        directory = fetcher.find_on_disk(source, WHISPER_FILES)
    except (OSError, RuntimeError):  # a directory that may not be read, or ~ of nobody: loading says so
        return None
    return None if directory is None else read_abilities(directory)


def _vocabulary(directory: Path) -> Sequence[str]:
    """Return the model's tokens.

    Raises:
        OSError, ValueError: the file is not there or is not one.
    """
    path = directory / "vocabulary.json"
    if not path.is_file():
        return (directory / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    tokens: Any = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(tokens, list):
        raise ValueError(f"{path.name} is no list")
    return tokens


def _is_english_only(vocabulary: Sequence[str], config: Any) -> bool:
    tokens = set(vocabulary)
    spoken = [code for code in LANGUAGES if f"<|{code}|>" in tokens]
    declared = config.get("is_multilingual") if isinstance(config, dict) else None
    return declared is False or "" not in tokens or spoken == ["en"]


def _is_distilled(model: Path) -> bool:
    layers: dict[str, int] = {"encoder": 0, "decoder": 0}
    with model.open("rb") as file:
        for name in _variables(file):
            if found := _LAYER.match(name):
                layers[found[1]] = max(layers[found[1]], int(found[2]) + 1)
    return 0 < layers["decoder"] < layers["encoder"]


def _variables(file: BinaryIO) -> Iterator[str]:
    """Yield the names of the variables in CTranslate2's `file`, stepping over what they hold.

    Raises:
        struct.error: the file ends too early.
    """

    def number(form: str) -> int:
        (value,) = struct.unpack(f"<{form}", file.read(struct.calcsize(form)))
        return int(value)

    def text() -> str:
        return file.read(number("H")).rstrip(b"\0").decode("utf-8", "replace")

    if number("I") not in _BINARY_VERSIONS:
        return
    text(), number("I")
    for _ in range(number("I")):
        yield text()
        file.seek(4 * number("B"), 1)
        number("B")
        file.seek(number("I"), 1)
