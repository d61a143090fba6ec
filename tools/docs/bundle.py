"""Puts the measured figures of the demo bundle (app/demo/FIGURES.json) into a table."""

from collections.abc import Iterator, Mapping

from tools.docs.tables import table


def bundle_table(figures: Mapping[str, object]) -> str:
    """Return the README's table of what the bundle reaches: one row for each figure, groups spelled out."""
    return table(("Figure", "Value"), list(_rows(figures)))


def _rows(figures: Mapping[str, object], group: str = "") -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        label = f"{group}, {name}" if group else name
        if isinstance(value, Mapping):
            yield from _rows(value, label.replace("_", " "))
        else:
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            yield label.replace("_", " "), shown
