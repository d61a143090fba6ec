"""Which files are written from the code and the measurements, and from which part of them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tools.docs.bundle import bundle_table
from tools.docs.cards import cards_table, memory_table
from tools.docs.models import languages_line
from tools.docs.options import errors_table, formats_table, options_table
from tools.docs.settings import env_example, forward_settings, settings_table
from tools.docs.speech import speech_table
from tools.docs.speed import channels_table, gpu_tables, page_table, service_table, speed_tables
from tools.docs.tables import replace_section

ROOT = Path(__file__).parents[2]
FIGURES = Path("app", "demo", "FIGURES.json")
RESULTS = Path("benchmarks", "results")
CPU = RESULTS / "amd-epyc-2-cores.json"
GPU = RESULTS / "nvidia-h100-80gb-hbm3.json"
OTHER_CPU = RESULTS / "intel-r-xeon-r-processor-2-cores.json"
SPEECH = RESULTS / "speech-intel-r-xeon-r-processor-2-cores.json"
"""The machines whose figures are shown; others may lie beside them."""

Table = tuple[str, Callable[[], str]]

FROM_THE_CODE: Mapping[str, Table] = MappingProxyType(
    {
        "options": ("docs/api.md", options_table),
        "formats": ("docs/api.md", formats_table),
        "errors": ("docs/api.md", errors_table),
        "settings": ("docs/settings.md", settings_table),
        "languages": ("docs/models.md", languages_line),
    }
)
"""By the name of a table: the page that holds it, and what writes it."""

FROM_MEASUREMENTS: Mapping[str, tuple[str, Path, Callable[[Any], str]]] = MappingProxyType(
    {
        "cards": ("README.md", GPU, cards_table),
        "memory": ("docs/models.md", GPU, memory_table),
        "gpu": ("docs/performance.md", GPU, gpu_tables),
        "speed": ("docs/performance.md", CPU, speed_tables),
        "channels": ("docs/performance.md", OTHER_CPU, channels_table),
        "page": ("docs/performance.md", OTHER_CPU, page_table),
        "service": ("docs/performance.md", RESULTS / "load.json", service_table),
        "speech": ("docs/performance.md", SPEECH, speech_table),
        "bundle": ("docs/performance.md", FIGURES, bundle_table),
    }
)
"""The same for what was measured, with the file that keeps the figures."""


def pages(root: Path) -> tuple[str, ...]:
    """Return the names of the pages that people read, README first."""
    return (
        "README.md",
        "CONTRIBUTING.md",
        *sorted(f"docs/{page.name}" for page in (root / "docs").glob("*.md")),
    )


def documents(root: Path) -> dict[str, str]:
    """Return the right text of every file under `root` that is written by this package, by name."""
    compose = (root / "docker-compose.yml").read_text(encoding="utf-8")
    texts = {".env.example": env_example(), "docker-compose.yml": forward_settings(compose)}
    for name, (page, content) in _tables(root).items():
        text = texts.get(page) or (root / page).read_text(encoding="utf-8")
        texts[page] = replace_section(text, name, content)
    return texts


def _tables(root: Path) -> dict[str, tuple[str, str]]:
    """Return the page and the content of every table; figures that are not there leave theirs as it is."""
    written = {name: (page, write()) for name, (page, write) in FROM_THE_CODE.items()}
    for name, (page, figures, write) in FROM_MEASUREMENTS.items():
        if (root / figures).exists():
            written[name] = (page, write(json.loads((root / figures).read_text(encoding="utf-8"))))
    return written
