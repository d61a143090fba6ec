"""What a person does on /docs, as steps in a browser."""

from pathlib import Path

from tests.browser.chromium import Page

OPERATION = "#operations-speech_to_text-transcribe"
ANSWER = f"{OPERATION} .live-responses-table tbody"


def open_docs(page: Page, url: str) -> None:
    page.open(f"{url}/docs")
    page.wait_for(f"document.querySelector('{OPERATION}') !== null", 60)


def transcribe_on_page(page: Page, recording: Path) -> None:
    """Open the route, press "Try it out", choose the file, press "Execute" and wait for the answer."""
    click(page, f"{OPERATION} .opblock-summary-control")
    click(page, f"{OPERATION} .try-out__btn")
    page.wait_for(f"document.querySelector('{OPERATION} input[type=file]') !== null")
    page.choose_file(f"{OPERATION} input[type=file]", recording)
    click(page, f"{OPERATION} .execute")
    page.wait_for(f"document.querySelector('{ANSWER} .response-col_status') !== null", 120)


def click(page: Page, selector: str) -> None:
    page.wait_for(f"document.querySelector('{selector}') !== null")
    page.evaluate(f"document.querySelector('{selector}').click()")


def shown(page: Page, selector: str) -> str:
    """Return the text that a person sees in the first element of `selector`."""
    return str(page.wait_for(f"document.querySelector('{selector}')?.innerText"))
