"""What the README shows of the code is what the code says."""

import asyncio
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
from starlette.requests import Request

from app.api.metrics import Metrics, Sources
from app.api.routes.health import USABLE
from app.health.ledger import Status
from app.settings.schema import Settings
from app.work.worker import WorkerStats
from tools.docs.documents import documents
from tools.docs.models import COSTS
from tools.docs.settings import COMPOSE_VARIABLES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", documents(ROOT))
def test_what_is_written_from_the_code_is_up_to_date(name: str) -> None:
    """Run `python -m tools.docs` when this fails."""
    assert (ROOT / name).read_text(encoding="utf-8") == documents(ROOT)[name]


def test_every_file_named_in_the_walk_of_a_request_exists() -> None:
    walk = TEXT.split("One request through the files")[1].split("Imports point one way")[0]
    names = re.findall(r"`([a-z_0-9/]+(?:\.py|/))`", walk)
    assert len(names) >= 15
    assert [name for name in names if not (ROOT / "app" / name).exists()] == []
    assert len(re.findall(r"^\d+\. ", walk, re.MULTILINE)) <= 10


def test_links_lead_somewhere() -> None:
    """Links inside the page and to files of the repository."""
    headings = {slug(line.lstrip("# ")) for line in TEXT.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("#"):
            assert target[1:] in headings, target
        elif not target.startswith("https://"):
            assert (ROOT / target).exists(), target


def slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def test_settings_named_in_the_text_exist() -> None:
    """Names in capitals inside code are settings, or on the short list of what belongs to others."""
    others = [
        *COMPOSE_VARIABLES,
        "ASR_BASE_URL",
        "USE_ASR_ENDPOINT",
        "ASR_TIMEOUT",
        "ASR_RETURN_SPEAKER_EMBEDDINGS",
        "DOCKER_BUILDKIT",
    ]
    known = {name.upper() for name in Settings.model_fields} | set(others)
    used = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[=`]", TEXT))
    assert len(used) >= 20
    assert used - known == set()


def test_every_metric_is_described() -> None:
    """A metric that the README does not name, or one that does not exist, fails here."""
    stats = WorkerStats(**{field.name: 0 for field in fields(WorkerStats)})
    metrics = Metrics(
        Sources(worker=lambda: stats, detection_worker=lambda: stats, gpu_memory=lambda: (1, 2))
    )
    asyncio.run(metrics.endpoint(Request({"type": "http"})))
    samples = {
        family.name + ("_total" if family.type == "counter" else "") for family in metrics.registry.collect()
    }
    assert set(re.findall(r"`(asr_[a-z_]+)", TEXT)) == samples


def test_python_versions_are_the_package_s_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert "Python 3.11, 3.12 or 3.13" in TEXT


def test_health_states_are_the_service_s_own() -> None:
    section = TEXT.split("## Health")[1].split("## Offline")[0]
    rows = re.findall(r"^\| (\w+) \| (\d+) \|", section, re.MULTILINE)
    assert {state for state, _ in rows} == set(get_args(Status))
    assert {state for state, status in rows if status == "200"} == USABLE


def test_every_setting_of_the_models_has_its_cost() -> None:
    """The block of settings that Settings puts before the limits of uploads, but for where to listen."""
    names = list(Settings.model_fields)
    assert set(COSTS) == set(names[names.index("device") : names.index("max_file_size_mb")])
