"""Every link of a page leads somewhere: to a heading, a file of the repository, or another host."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.service import ROOT
from tools.docs.documents import pages

_CODE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
PAGES = (*pages(ROOT), "SECURITY.md")


def text_of(page: Path) -> str:
    return _CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> list[str]:
    """Return the anchors of a page's headings as they are made of their words; doubled ones get a number."""
    seen: Counter[str] = Counter()
    found = []
    for heading in re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE):
        slug = re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        found.append(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    for target in _LINK.findall(text_of(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        assert aim.exists(), f"{name}: {target}"
        assert aim.is_relative_to(ROOT), f"{name}: {target} leads out of the repository"
        if anchor:
            assert anchor in anchors(aim), f"{name}: {target}"


def test_anchors_are_made_as_on_the_web(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# GET /v1/models, now\n```\n# a comment\n```\n## Twice\n## Twice\n", encoding="utf-8")
    assert anchors(page) == ["get-v1models-now", "twice", "twice-1"]


def test_no_heading_stands_twice_on_a_page() -> None:
    """A link to the second of two equal headings breaks when the first one goes."""
    for name in PAGES:
        found = anchors(ROOT / name)
        assert len(set(found)) == len(found), name
