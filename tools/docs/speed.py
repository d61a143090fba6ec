"""The measured speed, from the files that `make bench` leaves in benchmarks/results."""

from collections.abc import Mapping
from typing import Any

from tools.docs.tables import table

Results = Mapping[str, Any]
"""What one file of benchmarks/results holds, by benchmark."""


def speed_tables(results: Results) -> str:
    """Return two tables: stages beside the reference, and figures that stand alone."""
    rows = [row for benchmark in results.values() for row in benchmark["results"]]
    beside = [_comparison(row) for row in rows if "ratio" in row]
    alone = [_figure(row) for row in rows if "value" in row and (row["goal"] or "clients" in row["name"])]
    machine = next(iter(results.values()))["machine"]
    place = machine["gpu"] or f"{machine['cores']} cores of an {machine['processor']}"
    return (
        f"On {place}, torch {machine['libraries']['torch']}, {machine['date']}:\n\n"
        + table(("Against the reference", "Reference", "Ours", "Ratio", "Goal", "Results"), beside)
        + "\n"
        + table(("Measured alone", "Value", "Goal"), alone)
    )


def _comparison(row: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = row["ratio_spread"]
    return (
        row["name"],
        f"{row['reference_seconds']:.3g} s",
        f"{row['our_seconds']:.3g} s",
        f"{row['ratio']:.1f} ({low:.1f} to {high:.1f})",
        "" if row["goal"] is None else f"{row['goal']:g}",
        row["equality"],
    )


def _figure(row: Mapping[str, Any]) -> tuple[str, ...]:
    return row["name"], f"{row['value']:.3g} {row['unit']}", row["goal"] or ""
