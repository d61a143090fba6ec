"""Markdown tables, and the places of a page that hold them."""

import re
from collections.abc import Sequence


def code(text: str) -> str:
    """Return `text` as Markdown code."""
    return f"`{text}`"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table that ends with a line break."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def replace_section(document: str, name: str, content: str) -> str:
    """Return `document` with `content` between `<!-- table: name -->` and `<!-- end -->`.

    Raises:
        ValueError: the document has no such place, or more than one.
    """
    place = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    replaced, count = place.subn(lambda found: f"{found[1]}\n{content}\n{found[2]}", document)
    if count != 1:
        raise ValueError(f"the document has {count} places for the table {name!r}, not one")
    return replaced
