"""Takes one version's section out of CHANGELOG.md, which has the form of Keep a Changelog."""

import re

_HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\].*\n", re.MULTILINE)
_LINK = re.compile(r"^\[[^\]]+\]: .*\n?", re.MULTILINE)
"""Keep a Changelog ends with the addresses of its headings; they belong to no section."""


def sections(changelog: str) -> dict[str, str]:
    """Return the text of every section by its version, newest first; Unreleased is one of them."""
    headings = list(_HEADING.finditer(changelog))
    ends = [heading.start() for heading in headings[1:]] + [len(changelog)]
    return {
        heading["version"]: _LINK.sub("", changelog[heading.end() : end]).strip() + "\n"
        for heading, end in zip(headings, ends, strict=True)
    }


def notes(changelog: str, version: str) -> str:
    """Return what is new in `version`, without its heading.

    Raises:
        ValueError: there is no such section, or it says nothing.
    """
    text = sections(changelog).get(version)
    if text is None or not text.strip():
        raise ValueError(f"CHANGELOG.md says nothing about {version}")
    return text
