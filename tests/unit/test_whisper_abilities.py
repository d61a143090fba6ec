"""What a model cannot do is read from its files, before it is asked for it."""

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from app.composition import build_catalogue
from app.models.model_spec import Abilities
from app.models.whisper_abilities import read_abilities
from app.settings.schema import Settings

DEMO = Path(__file__).parents[2] / "app" / "demo" / "whisper"
TOKENS: list[str] = json.loads((DEMO / "vocabulary.json").read_text(encoding="utf-8"))
FULL, ENGLISH_ONLY, NO_TRANSLATION = Abilities(), Abilities(True, False), Abilities(False, False)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(DEMO, tmp_path / "mine"))


def write_tokens(model: Path, tokens: Sequence[str]) -> None:
    (model / "vocabulary.json").write_text(json.dumps(tokens), encoding="utf-8")


def write_layers(model: Path, *, encoder: int, decoder: int) -> None:
    """Write the head of a CTranslate2 model whose variables are as many layers."""

    def text(written: str) -> bytes:
        return struct.pack("<H", len(written) + 1) + written.encode() + b"\0"

    names = [f"decoder/layer_{n}/norm/beta" for n in range(decoder)]
    names += [f"encoder/layer_{n}/norm/beta" for n in range(encoder)]
    variables = b"".join(text(name) + struct.pack("<BIBI", 1, 3, 4, 6) + bytes(6) for name in names)
    head = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(names))
    (model / "model.bin").write_bytes(head + variables + struct.pack("<I", 0))


def as_text_file(model: Path) -> None:
    (model / "vocabulary.json").unlink()
    (model / "vocabulary.txt").write_text("".join(f"{token}\n" for token in TOKENS), encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "abilities"),
    [
        (lambda model: None, FULL),
        (as_text_file, FULL),
        (lambda model: write_tokens(model, [token for token in TOKENS if token]), ENGLISH_ONLY),
        (lambda model: write_tokens(model, ["", "<|en|>", "<|translate|>"]), ENGLISH_ONLY),
        (lambda model: write_tokens(model, [t for t in TOKENS if t != "<|translate|>"]), NO_TRANSLATION),
        (lambda model: (model / "config.json").write_text('{"is_multilingual": false}'), ENGLISH_ONLY),
        (lambda model: write_layers(model, encoder=32, decoder=4), NO_TRANSLATION),
        (lambda model: write_layers(model, encoder=32, decoder=2), NO_TRANSLATION),
        (lambda model: write_layers(model, encoder=32, decoder=32), FULL),
    ],
)
def test_the_files_tell(model: Path, change: Callable[[Path], object], abilities: Abilities) -> None:
    change(model)
    assert read_abilities(model) == abilities


@pytest.mark.parametrize(
    ("name", "content"),
    [("model.bin", b""), ("model.bin", b"\x06\0\0\0\xff"), ("vocabulary.json", b"{"), ("config.json", b"[")],
)
def test_files_that_tell_nothing_forbid_nothing(model: Path, name: str, content: bytes) -> None:
    """Loading them says what is wrong with them."""
    (model / name).write_bytes(content)
    assert read_abilities(model) == FULL


def test_a_directory_is_read_at_the_start_and_what_is_not_there_is_no_error(model: Path) -> None:
    write_tokens(model, [token for token in TOKENS if token])
    extra = f"mine={model},gone=/no/where,long=/{'x' * 300},home=~nobody-here/x,fine=owner/repo"
    catalogue = build_catalogue(Settings(_env_file=None, device="cpu", extra_models=extra, cache_dir=model))
    assert catalogue.resolve("mine").abilities.english_only
    assert not catalogue.resolve("gone").abilities.english_only
    assert catalogue.resolve("fine").abilities.translates


def test_a_repository_that_is_on_disk_is_read_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "models--owner--repo"
    shutil.copytree(DEMO, folder / "snapshots" / "abc")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc")
    write_layers(folder / "snapshots" / "abc", encoder=4, decoder=2)
    settings = Settings(_env_file=None, device="cpu", extra_models="fine=owner/repo", cache_dir=tmp_path)
    assert not build_catalogue(settings).resolve("fine").abilities.translates
