"""Holds the tag of a release against the version of the package and the changelog."""

import re

from tools.release.changelog import sections


def disagreement(tag: str, package: str, changelog: str) -> str | None:
    """Return why `tag` cannot be released, None if it can; `package` is the text of app/__init__.py."""
    found = re.search(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    version = found[1] if found else "unknown"
    if tag != f"v{version}":
        return f"the tag is {tag}, and app/__init__.py says version {version}: they must agree"
    if version not in sections(changelog):
        return f"CHANGELOG.md has no section [{version}]: rename Unreleased"
    return None
