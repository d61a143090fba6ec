"""The measured figures of the demo bundle, as the table that stands beside it too."""

from typing import Any

from tools.demo.measure.table import as_markdown


def bundle_table(report: dict[str, Any]) -> str:
    """Return the table of what the bundle reaches, from its FIGURES.json."""
    return "".join(f"{line}\n" for line in as_markdown(report).splitlines() if line.startswith("|"))
