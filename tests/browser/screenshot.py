"""`python -m tests.browser.screenshot URL DIRECTORY`: pictures of both pages with the sample meeting."""

import json
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import MISSING, Chromium, Page, find_chromium, running_chromium
from tests.browser.docs_page import open_docs, transcribe_on_page
from tests.browser.person import RESULT, Person, marks_of
from tests.conftest import DEMO

MEETING = DEMO / "meeting.flac"
NAMES = {"SPEAKER_00": "Daniel", "SPEAKER_01": "Maria", "SPEAKER_02": "Julia"}
WORD = "afternoon."
"""What is being said in the picture."""


def main(url: str, directory: Path) -> None:
    """Write the pictures into `directory`."""
    binary = find_chromium()
    if binary is None:
        sys.exit(MISSING)
    directory.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as profile,
        running_chromium(binary, Path(profile), "127.0.0.1") as browser,
    ):
        with browser.page() as page:
            (directory / "swagger.png").write_bytes(picture_of_docs(page, url))
        for name, content in pictures_of_page(browser, url, Path(profile)).items():
            (directory / name).write_bytes(content)


def picture_of_docs(page: Page, url: str) -> bytes:
    open_docs(page, url)
    transcribe_on_page(page, MEETING)
    page.evaluate("document.querySelector('tr[data-param-name=return_speaker_embeddings]').scrollIntoView()")
    return page.screenshot(1280, 1400)


def pictures_of_page(browser: Chromium, url: str, directory: Path) -> dict[str, bytes]:
    """Return the page at / with the meeting: on a desktop, in the dark, on a phone."""
    with browser.page() as page:
        page.resize(1280, 860, 1.5)
        person = Person(page)
        person.visit(url)
        page.evaluate("localStorage.setItem('page.hint', 'seen')")
        person.take(MEETING)
        page.wait_for(RESULT, 180)
        for label, name in NAMES.items():
            row = [each for each, *_ in person.legend()].index(label) + 1
            person.clicks(f"#legend tbody tr:nth-child({row}) .who")
            person.writes("#dialog input", name)
            person.presses("Enter")
            page.wait_for(f"document.getElementById('legend').textContent.includes('{name}')")
        page.evaluate("document.activeElement.blur()")
        line = next(number for number, text in enumerate(person.lines()) if WORD in text)
        person.clicks_word(line, WORD)
        page.wait_for(f"{marks_of('playing')}.includes({json.dumps(WORD)})")
        page.evaluate(
            "document.getElementById('audio').pause(), document.getElementById('transcript').scrollTop = 0"
        )
        pictures = {"page.png": page.screenshot(1280, 860, 1.5)}
        page.prefer(prefers_color_scheme="dark")
        pictures["page-dark.png"] = page.screenshot(1280, 860, 1.5)
        page.prefer(prefers_color_scheme="light")
        page.resize(390, 844, 1.5)
        page.evaluate("document.getElementById('title').scrollIntoView()")
        pictures["page-phone.png"] = page.screenshot(390, 844, 1.5)
        return pictures


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
