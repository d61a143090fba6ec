"""What the pages show of the code is what the code says."""

import asyncio
import re
import tomllib
from dataclasses import fields
from typing import get_args

import pytest
from dotenv import dotenv_values
from starlette.requests import Request

from app.api.metrics import Metrics, Sources
from app.api.routes.health import USABLE
from app.health.report import Status
from app.settings.schema import Settings
from app.work.worker import WorkerStats
from tests.service import ROOT
from tests.unit.test_imports import LAYERS
from tools.docs.costs import COSTS
from tools.docs.documents import documents, pages
from tools.docs.settings import COMPOSE_VARIABLES

PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in pages(ROOT)}
EVERYTHING = "\n".join(PAGES.values())
OTHER_PEOPLES_SETTINGS = (
    "ASR_BASE_URL",
    "USE_ASR_ENDPOINT",
    "ASR_TIMEOUT",
    "ASR_RETURN_SPEAKER_EMBEDDINGS",
    "DOCKER_BUILDKIT",
    "TRANSCRIPTION_BASE_URL",
    "TRANSCRIPTION_API_KEY",
    "TRANSCRIPTION_MODEL",
    "STT_OPENAI_URL",
    "STT_OPENAI_KEY",
    "STT_MODELS",
    "STT_STREAMING_MODELS",
)


@pytest.mark.parametrize("name", documents(ROOT))
def test_what_is_written_from_the_code_is_up_to_date(name: str) -> None:
    """Run `python -m tools.docs` when this fails."""
    assert (ROOT / name).read_text(encoding="utf-8") == documents(ROOT)[name]


def test_readme_has_the_depth_of_one_screen_after_another() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 200


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", *(name for name in PAGES if name.startswith("docs/"))])
def test_a_page_begins_with_what_it_answers_and_readme_names_it(name: str) -> None:
    """Two clicks from README to any answer: to the page, and to the section that its beginning names."""
    beginning = PAGES[name].split("\n## ")[0]
    assert "This page answers " in beginning
    assert f"]({name})" in PAGES["README.md"].split("## Where to read on")[1]


@pytest.mark.parametrize("name", PAGES)
def test_files_of_the_code_that_are_named_exist(name: str) -> None:
    named = set(re.findall(r"\b((?:app|tests|tools|benchmarks|\.github)/[\w./-]*[\w/])", PAGES[name]))
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_the_way_of_a_request_is_told_in_files() -> None:
    """As a numbered list of files; that they exist is held above."""
    way = PAGES["docs/architecture.md"].split("## The way of a request")[1].split("## Layers")[0]
    steps = re.findall(r"^\d+\. ((?:.|\n(?!\d+\. |\n))+)", way, re.MULTILINE)
    assert len(steps) >= 10
    files = [re.findall(r"`(app/[\w/]+\.py)`", step) for step in steps]
    assert sum(map(len, files)) >= 20


def test_the_layers_are_those_that_imports_are_held_to() -> None:
    section = PAGES["docs/architecture.md"].split("## Layers")[1].split("## Threads")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert [tuple(re.findall(r"`(\w+)`", row)) for row in rows] == list(reversed(LAYERS))


def test_settings_named_in_the_text_exist() -> None:
    """Names in capitals inside code are settings, or on the short list of what belongs to others."""
    of_haproxy = re.findall(r"presetenv (\w+)", (ROOT / "deploy" / "haproxy.cfg").read_text(encoding="utf-8"))
    ours = {name.upper() for name in Settings.model_fields}
    of_ray = dotenv_values(ROOT / "deploy" / "ray" / "cluster.env")
    known = ours | {*COMPOSE_VARIABLES, *OTHER_PEOPLES_SETTINGS, *of_haproxy, *of_ray}
    used = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[=`]", EVERYTHING))
    assert len(used) >= 20
    assert used - known == set()


def test_every_metric_is_described() -> None:
    """A metric that the page does not name, or one that does not exist, fails here."""
    stats = WorkerStats(**{field.name: 0 for field in fields(WorkerStats)})
    metrics = Metrics(
        Sources(worker=lambda: stats, detection_worker=lambda: stats, gpu_memory=lambda: (1, 2))
    )
    asyncio.run(metrics.endpoint(Request({"type": "http"})))
    samples = {
        family.name + ("_total" if family.type == "counter" else "") for family in metrics.registry.collect()
    }
    assert set(re.findall(r"`(asr_[a-z_]+)", PAGES["docs/operations.md"])) == samples


def test_python_versions_are_the_package_s_own() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    assert "Python 3.11, 3.12 or 3.13" in PAGES["README.md"]


def test_health_states_are_the_service_s_own() -> None:
    section = PAGES["docs/operations.md"].split("## Health")[1].split("## Metrics")[0]
    rows = re.findall(r"^\| (\w+) \| (\d+) \|", section, re.MULTILINE)
    assert {state for state, _ in rows} == set(get_args(Status))
    assert {state for state, status in rows if status == "200"} == USABLE


def test_every_setting_has_its_cost() -> None:
    assert set(COSTS) == set(Settings.model_fields)
