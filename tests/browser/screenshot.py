"""`python -m tests.browser.screenshot URL FILE`: a picture of /docs with the sample meeting answered."""

import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import chromium_page, find_chromium
from tests.browser.docs_page import open_docs, transcribe_on_page
from tests.conftest import DEMO


def main(url: str, target: Path) -> None:
    """Write the picture to `target`."""
    binary = find_chromium()
    if binary is None:
        sys.exit("no Chromium on PATH")
    with (
        tempfile.TemporaryDirectory() as directory,
        chromium_page(binary, Path(directory), "127.0.0.1") as page,
    ):
        open_docs(page, url)
        transcribe_on_page(page, DEMO / "meeting.flac")
        page.evaluate(
            "document.querySelector('tr[data-param-name=return_speaker_embeddings]').scrollIntoView()"
        )
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(page.screenshot(1280, 1400))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
