"""How real voices are heard, beside the libraries, from the file that benchmarks.speech keeps."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.docs.tables import table

SYSTEMS = ("ours", "whisperX", "faster-whisper", "faster-whisper, batched")


def speech_table(results: Mapping[str, Any]) -> str:
    """Return a row for each figure of each set, a column for each system; the machine goes before."""
    model, kept = next(iter(results.items()))
    machine = kept["machine"]
    place = f"{machine['cores']} cores of an {machine['processor']}"
    heads = ("Set", "Figure", *SYSTEMS)
    return f"Whisper {model} int8, {place}, {machine['date']}:\n\n" + table(heads, list(_rows(kept["sets"])))


def _rows(sets: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, found in sets.items():
        for figure in dict.fromkeys(figure for each in found.values() for figure in each):
            values = (found.get(system, {}).get(figure) for system in SYSTEMS)
            yield name, figure, *("" if value is None else f"{value:g}" for value in values)
