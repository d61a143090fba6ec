"""`make demo` prints the transcript that README shows, and the first request gets the answer shown there."""

import json
import re
import subprocess
import sys
from difflib import SequenceMatcher
from typing import Any

import pytest

from tests.service import ROOT

LINE = re.compile(r"^\d\d:\d\d\.\d\d - \d\d:\d\d\.\d\d  (SPEAKER_\d\d) +(.+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def printed() -> str:
    """What the command behind `make demo` prints: it starts the service and sends the meeting over HTTP."""
    done = subprocess.run(
        [sys.executable, "-m", "app.demo"], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shown() -> str:
    return between("<!-- transcript -->")


def between(mark: str) -> str:
    """Return what stands in README between `mark` and the next end."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return text.split(mark)[1].split("<!-- end -->")[0]


def spoken(transcript: str) -> list[tuple[str, str]]:
    """Return speaker and word of every word."""
    return [(speaker, word) for speaker, text in LINE.findall(transcript) for word in text.split()]


def test_the_demo_prints_times_speakers_and_a_summary(printed: str) -> None:
    assert len(LINE.findall(printed)) >= 8
    assert re.search(
        r"^\d+\.\d s of audio, language en, \d+ words with times, 3 speakers", printed, re.MULTILINE
    )


def test_the_readme_shows_what_the_demo_prints(printed: str) -> None:
    """Word for word and speaker for speaker, but for what another processor may round differently."""
    in_readme = spoken(shown())
    assert len(in_readme) >= 30
    wanted = spoken(printed)[: len(in_readme)]
    assert SequenceMatcher(None, in_readme, wanted, autojunk=False).ratio() >= 0.9


def test_the_first_request_gets_the_answer_that_is_shown(meeting_answer: dict[str, Any]) -> None:
    """The same keys in the same order and the same words; times may differ by what a processor rounds."""
    printed = json.dumps(meeting_answer, indent=4, ensure_ascii=False).splitlines()
    in_readme = between("<!-- answer -->").strip().splitlines()[1:-1]
    assert len(in_readme) == 20
    assert [shape(line) for line in in_readme] == [shape(line) for line in printed[:20]]


def shape(line: str) -> str:
    return re.sub(r"\d+\.\d+", "0.0", line)
