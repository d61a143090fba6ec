"""The commands of README, docs and CONTRIBUTING, each with the comment above it that says who runs it."""

import re
import textwrap
from dataclasses import dataclass

from tools.docs.documents import ROOT, pages

_BLOCK = re.compile(r"^(?P<indent> *)```bash\n(?P<body>.*?)^ *```$", re.MULTILINE | re.DOTALL)
_MARKER = re.compile(
    r"<!-- (?:run: live(?P<refused>, status \d+)?(?:; prints (?P<printed>.+))?"
    r"|run by: (?P<runner>.+)|not run here: (?P<reason>.+)) -->"
)


@dataclass(frozen=True)
class Command:
    """One block of shell commands."""

    page: str
    line: int
    script: str
    marker: re.Match[str] | None
    """The comment directly above, None where there is none."""

    @property
    def kind(self) -> str:
        if self.marker is None:
            return "unmarked"
        if self.marker["runner"]:
            return "run by"
        return "not run here" if self.marker["reason"] else "live"

    def __str__(self) -> str:
        return f"{self.page} line {self.line}"


def commands() -> list[Command]:
    """Return the shell blocks of every page in their order."""
    return [command for page in pages(ROOT) for command in _commands_of(page)]


def of_kind(kind: str) -> list[Command]:
    """Return the blocks of one kind: live, run by, not run here, unmarked."""
    return [command for command in commands() if command.kind == kind]


def _commands_of(page: str) -> list[Command]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for block in _BLOCK.finditer(text):
        before = text[: block.start()].rstrip("\n").splitlines()
        marker = _MARKER.fullmatch(before[-1].strip()) if before else None
        script = textwrap.dedent(block["body"])
        found.append(Command(page, text[: block.start()].count("\n") + 1, script, marker))
    return found
