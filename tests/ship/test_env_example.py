"""What .env.example tells an operator is what Settings does."""

import re
from pathlib import Path

from app.settings.schema import Settings
from tools.docs.settings import COMPOSE_VARIABLES, env_example

ROOT = Path(__file__).parents[2]
PATH = ROOT / ".env.example"


def lines() -> list[str]:
    return PATH.read_text(encoding="utf-8").splitlines()


def variables() -> list[str]:
    """Every variable that has a line, behind # or not."""
    return [line.removeprefix("# ").split("=")[0] for line in lines() if is_assignment(line)]


def is_assignment(line: str) -> bool:
    name, sign, _ = line.removeprefix("# ").partition("=")
    return bool(sign) and name.isupper() and " " not in name


def test_every_setting_has_exactly_one_line() -> None:
    """A setting that the file lacks, or a line that no setting reads, fails here."""
    assert sorted(variables()) == sorted(
        [*COMPOSE_VARIABLES, *(name.upper() for name in Settings.model_fields)]
    )


def test_every_line_has_a_sentence_above_it() -> None:
    """Nobody has to guess what a variable does."""
    text = lines()
    for number, line in enumerate(text):
        if is_assignment(line):
            sentence = text[number - 1]
            assert re.fullmatch(r"# .{12,}\.", sentence), f"{line}: {sentence!r}"


def test_the_file_is_the_one_made_from_the_settings() -> None:
    """Run `python -m tools.docs` when this fails."""
    assert PATH.read_text(encoding="utf-8") == env_example()


def test_the_file_as_it_stands_changes_no_default(tmp_path: Path) -> None:
    """Copying it to .env is harmless; so is taking every # away, since empty values count as unset."""
    defaults = Settings(_env_file=None)
    assert read(lines(), tmp_path) == defaults
    assert read([line.removeprefix("# ") for line in lines() if is_assignment(line)], tmp_path) == defaults


def test_a_changed_line_changes_the_setting(tmp_path: Path) -> None:
    """The names are the ones that Settings reads."""
    changed = [line.replace("# MAX_FILE_SIZE_MB=1000", "MAX_FILE_SIZE_MB=7") for line in lines()]
    assert read(changed, tmp_path).max_file_size_mb == 7


def read(text: list[str], directory: Path) -> Settings:
    path = directory / "settings.env"
    path.write_text("\n".join(text), encoding="utf-8")
    return Settings(_env_file=path)
