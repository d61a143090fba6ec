"""Which files are written from the code, and from which part of it."""

import json
from pathlib import Path

from tools.docs.bundle import bundle_table
from tools.docs.models import models_table
from tools.docs.options import errors_table, formats_table, options_table
from tools.docs.settings import env_example, forward_settings, settings_table
from tools.docs.speed import speed_tables
from tools.docs.tables import replace_section

ROOT = Path(__file__).parents[2]
FIGURES = Path("app", "demo", "FIGURES.json")
SPEED = Path("benchmarks", "results", "amd-epyc-2-cores.json")
"""The machine whose figures the README shows; others may lie beside it."""


def documents(root: Path) -> dict[str, str]:
    """Return the right text of every such file under `root`, by name."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    tables = {
        "options": options_table(),
        "formats": formats_table(),
        "errors": errors_table(),
        "settings": settings_table(),
        "models": models_table(),
    }
    if (root / FIGURES).exists():
        tables["bundle"] = bundle_table(json.loads((root / FIGURES).read_text(encoding="utf-8")))
    if (root / SPEED).exists():
        tables["speed"] = speed_tables(json.loads((root / SPEED).read_text(encoding="utf-8")))
    for name, content in tables.items():
        readme = replace_section(readme, name, content)
    compose = (root / "docker-compose.yml").read_text(encoding="utf-8")
    return {
        ".env.example": env_example(),
        "docker-compose.yml": forward_settings(compose),
        "README.md": readme,
    }
