"""The measured speed, from the files that are kept in benchmarks/results."""

from collections.abc import Mapping
from typing import Any

from tools.docs.tables import table

Results = Mapping[str, Any]
"""What one file of benchmarks/results holds, by benchmark."""

_MEMORY = "memory"
"""The benchmark of the GPU's memory, which has tables of its own."""
_PAGE = ("page", "progress")
_CHANNELS = ("stereo", "calls", "known_text")
"""What a person in front of the page notices, which has a table of its own as well."""


def speed_tables(results: Results) -> str:
    """Return two tables of a CPU: stages beside the reference, and figures that stand alone."""
    rows = [row for benchmark in results.values() for row in benchmark["results"]]
    beside = [_comparison(row) for row in rows if "ratio" in row]
    alone = [_figure(row) for row in rows if "value" in row and (row["goal"] or "clients" in row["name"])]
    return (
        f"On {_place(results)}:\n\n"
        + table(("Against the reference", "Reference", "Ours", "Ratio", "Goal", "Results"), beside)
        + "\n"
        + table(("Measured alone", "Value", "Goal"), alone)
    )


def gpu_tables(results: Results) -> str:
    """Return two tables of a GPU: beside the reference, and alone with the share of each stage."""
    rows = [row for name, each in results.items() if name != _MEMORY for row in each["results"]]
    beside = [_comparison(row) for row in rows if "ratio" in row]
    alone = [(row["name"], _amount(row), row["note"]) for row in rows if "value" in row]
    return (
        f"On {_place(results)}:\n\n"
        + table(("Against the reference", "Reference", "Ours", "Ratio", "Goal", "Results"), beside)
        + "\n"
        + table(("Measured alone", "Value", "Of which"), alone)
    )


def channels_table(results: Results) -> str:
    """Return what was measured of recordings with one person per channel, of other stereo, of known texts."""
    rows = [row for name in _CHANNELS for row in results[name]["results"]]
    figures = [(*_figure(row), row.get("note", "")) for row in rows if "value" in row]
    beside = [_comparison(row) for row in rows if "ratio" in row]
    return (
        f"On {_place(results)}:\n\n"
        + table(("Channels", "Value", "Goal", "Of which"), figures)
        + "\n"
        + table(("Known texts", "Reference", "Ours", "Ratio", "Goal", "Results"), beside)
    )


def page_table(results: Results) -> str:
    """Return what was measured of the page and of progress."""
    kept = {name: results[name] for name in _PAGE}
    rows = [row for each in kept.values() for row in each["results"] if "value" in row]
    figures = [(*_figure(row), row.get("note", "")) for row in rows]
    return f"On {_place(kept)}:\n\n" + table(("In a real browser", "Value", "Goal", "Of which"), figures)


def service_table(load: Results) -> str:
    """Return how long the service takes to answer while far more is asked of it than it can do."""
    rows = [
        (name, *(f"{1000 * found[part]:.0f} ms" for part in ("median", "p95", "p99", "longest")))
        for name, found in load["answer_seconds"].items()
    ]
    heads = (f"{load['clients']} clients at once", "Median", "95 %", "99 %", "Longest")
    return table(heads, rows)


def _place(results: Results) -> str:
    machine = next(iter(results.values()))["machine"]
    cores = f"{machine['cores']} cores of an {machine['processor']}"
    place = f"one {machine['gpu']} with {cores}" if machine["gpu"] else cores
    return f"{place}, torch {machine['libraries']['torch']}, {machine['date']}"


def _comparison(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["ratio_spread"]
    return (
        row["name"],
        f"{row['reference_seconds']:.3g} s",
        f"{row['our_seconds']:.3g} s",
        f"{_ratio(row['ratio'])} ({_ratio(low)} to {_ratio(high)})",
        "" if row["goal"] is None else f"{row['goal']:g}",
        row["equality"],
    )


def _ratio(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio >= 1 else f"{ratio:.2f}"


def _figure(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["name"], _amount(row), row["goal"] or ""


def _amount(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.3g} {row['unit']}"
