"""What a person does on the page at /, and what they see there, in any of the browsers."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

READY = "document.body?.classList.contains('ready')"
RESULT = "!document.getElementById('result').hidden"
NOTED = """
window.violations = [];
addEventListener('securitypolicyviolation', (event) =>
  violations.push(event.violatedDirective + ' ' + event.blockedURI));
window.clockShift = 0;
const now = performance.now.bind(performance);
performance.now = () => now() + window.clockShift;
"""
"""Keeps what the page's policy had to block, and lets a test turn the clock forward."""


def marks_of(name: str) -> str:
    """Return an expression for the words that are marked, by the Custom Highlight API."""
    said = "startContainer.data.slice(each.startOffset, each.endOffset)"
    return f"[...(CSS.highlights.get('{name}') ?? [])].map(each => each.{said})"


class Tab(Protocol):
    """A tab of some browser."""

    def open(self, url: str) -> None: ...
    def evaluate(self, expression: str) -> Any: ...
    def wait_for(self, expression: str, seconds: float = 10) -> Any: ...
    def choose_files(self, selector: str, *paths: Path) -> None: ...
    def click(self, x: float, y: float, times: int = 1) -> None: ...
    def press(self, key: str) -> None: ...
    def write(self, text: str) -> None: ...
    def run_before_pages(self, script: str) -> None: ...
    def download_into(self, directory: Path) -> None: ...

    @property
    def requested_urls(self) -> list[str]: ...
    @property
    def complaints(self) -> list[str]: ...


class Person:
    """Somebody in front of a tab."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab
        tab.run_before_pages(NOTED)

    def visit(self, url: str) -> None:
        self.tab.open(url)
        self.tab.wait_for(READY, 15)

    def take(self, *paths: Path) -> None:
        """Choose files."""
        self.tab.choose_files("#file", *paths)

    def reads(self, document: dict[str, Any], recording: Path, directory: Path) -> None:
        """Open a transcript together with its recording, without any work of the service."""
        saved = directory / f"{recording.stem}.work.json"
        work = {"version": 1, "file": {"name": recording.name, "size": recording.stat().st_size}}
        known = list(dict.fromkeys(each["speaker"] for each in document["segments"] if "speaker" in each))
        saved.write_text(json.dumps({**document, "work": {**work, "speakers": known}}), encoding="utf-8")
        self.take(saved, recording)
        self.tab.wait_for(f"{RESULT} && document.getElementById('audio').readyState > 0")

    def state(self, job: int = 0) -> str:
        return str(self.tab.evaluate(f"document.querySelectorAll('.job')[{job}]?.dataset.state ?? ''"))

    def waits_for_state(self, state: str, job: int = 0, seconds: float = 60) -> None:
        self.tab.wait_for(f"document.querySelectorAll('.job')[{job}]?.dataset.state === '{state}'", seconds)

    def sees(self, selector: str) -> str:
        """Return the text of the first element of `selector`, once there is some."""
        return str(self.tab.wait_for(f"document.querySelector({json.dumps(selector)})?.innerText.trim()"))

    def texts(self, selector: str) -> list[str]:
        listed = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return [str(text) for text in self.tab.evaluate(f"{listed}.map(each => each.textContent.trim())")]

    def box(self, selector: str) -> dict[str, float]:
        """Return where an element is in the window, brought into sight."""
        found = self.tab.wait_for(
            f"(() => {{ const each = document.querySelector({json.dumps(selector)}); if (!each) return null; "
            "if (each.checkVisibility && !each.checkVisibility()) return null; "
            "each.scrollIntoView({block: 'nearest'}); "
            "const {x, y, width, height} = each.getBoundingClientRect(); return {x, y, width, height}; })()"
        )
        return {name: float(value) for name, value in found.items()}

    def clicks(self, selector: str, across: float = 0.5, times: int = 1) -> None:
        """Click into an element, `across` of its width from the left."""
        box = self.box(selector)
        self.tab.click(box["x"] + box["width"] * across, box["y"] + box["height"] / 2, times)

    def clicks_button(self, text: str, inside: str = "body") -> None:
        """Click the button or menu item with this text."""
        mark = (
            f"(() => {{ document.querySelectorAll('[data-pointed]').forEach(e => delete e.dataset.pointed); "
            f"const found = [...document.querySelectorAll({json.dumps(inside + ' button')})].find(each => "
            f"each.textContent.trim() === {json.dumps(text)} && each.checkVisibility()); "
            "if (found) found.dataset.pointed = 'yes'; return Boolean(found); })()"
        )
        self.tab.wait_for(mark)
        self.clicks("[data-pointed]")

    def clicks_word(self, line: int, word: str, times: int = 1) -> None:
        """Click into the middle of a word of the transcript."""
        place = self.tab.evaluate(
            f"(() => {{ const text = document.querySelectorAll('#transcript p')[{line}].firstChild; "
            "text.parentElement.scrollIntoView({block: 'nearest'}); const range = new Range(); "
            f"const at = text.data.indexOf({json.dumps(word)}); range.setStart(text, at); "
            f"range.setEnd(text, at + {len(word)}); const {{x, y, width, height}} = "
            f"range.getBoundingClientRect(); "
            "return {x: x + width / 2, y: y + height / 2}; })()"
        )
        self.tab.click(place["x"], place["y"], times)

    def presses(self, *keys: str) -> None:
        for key in keys:
            self.tab.press(key)

    def writes(self, selector: str, text: str) -> None:
        """Replace what a field holds."""
        field = f"document.querySelector({json.dumps(selector)})"
        self.tab.wait_for(f"{field} !== null")
        self.tab.evaluate(f"{field}.focus(), {field}.select()")
        self.tab.write(text)

    def lines(self) -> list[str]:
        return self.texts("#transcript p")

    def waits_for_line(self, line: int, text: str) -> None:
        self.tab.wait_for(
            f"document.querySelectorAll('#transcript p')[{line}]?.textContent === {json.dumps(text)}"
        )

    def speakers(self) -> list[str]:
        """Return who says each line, as the list has it."""
        return self.texts("#transcript .who .name")

    def legend(self) -> list[list[str]]:
        """Return the rows of the table of talk times: name, time, share."""
        cells = (
            "[...row.cells].slice(0, 3).map(cell => cell.querySelector('.name')?.textContent ?? "
            "cell.firstChild.textContent)"
        )
        rows: list[list[str]] = self.tab.evaluate(
            f"[...document.querySelectorAll('#legend tbody tr')].map(row => {cells})"
        )
        return rows

    def time(self) -> float:
        return float(self.tab.evaluate("document.getElementById('audio').currentTime"))

    def marked(self, name: str = "playing") -> list[str]:
        """Return the words that are marked, by the Custom Highlight API."""
        marks: list[str] = self.tab.evaluate(marks_of(name))
        return marks

    def downloaded(self, directory: Path, name: str, seconds: float = 15) -> bytes:
        """Return a file once the browser has saved it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (directory / name).exists() and not list(directory.glob("*.crdownload")) + list(
                directory.glob("*.part")
            ):
                content = (directory / name).read_bytes()
                (directory / name).unlink()
                return content
            time.sleep(0.05)
        raise AssertionError(f"{name} was not saved; there are {sorted(p.name for p in directory.iterdir())}")

    def violations(self) -> Sequence[str]:
        found: list[str] = self.tab.evaluate("window.violations ?? []")
        return found
