"""What a tag publishes: the right version, its part of the changelog, and a compose file that works alone."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

import app
from tests.ship.test_compose import COMPOSE, PROFILES, SCHEMA, compose_command, load, services
from tools.release.changelog import notes, sections
from tools.release.compose import compose_file
from tools.release.version import disagreement

ROOT = Path(__file__).parents[2]
IMAGE = "example/whisperx-asr-api:1.0.0"
CHANGELOG = """\
# Changelog

## [Unreleased]

## [1.1.0] - 2027-02-01

### Added

- A thing.

## [1.0.0] - 2027-01-01

- The first.

[1.1.0]: https://host.example/compare/v1.0.0...v1.1.0
"""


def workflow() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow()["jobs"][job]["steps"]
    return found


def test_the_notes_are_the_section_of_the_version() -> None:
    assert notes(CHANGELOG, "1.1.0") == "### Added\n\n- A thing.\n"
    assert notes(CHANGELOG, "1.0.0") == "- The first.\n"
    assert list(sections(CHANGELOG)) == ["Unreleased", "1.1.0", "1.0.0"]


@pytest.mark.parametrize("version", ["Unreleased", "1.2.0", "1.0"])
def test_a_version_that_nothing_is_said_of_has_no_notes(version: str) -> None:
    """Here Unreleased is empty."""
    with pytest.raises(ValueError, match=f"says nothing about {version}"):
        notes(CHANGELOG, version)


def test_a_tag_is_released_only_if_all_three_agree() -> None:
    package = '__version__ = "1.1.0"\n'
    assert disagreement("v1.1.0", package, CHANGELOG) is None
    assert "must agree" in str(disagreement("v1.0.0", package, CHANGELOG))
    assert "must agree" in str(disagreement("1.1.0", package, CHANGELOG))
    assert "rename Unreleased" in str(disagreement("v1.2.0", '__version__ = "1.2.0"\n', CHANGELOG))


def release_compose() -> str:
    return compose_file(COMPOSE.read_text(encoding="utf-8"), IMAGE)


def test_the_compose_file_of_a_release_runs_its_image_and_builds_nothing() -> None:
    """Else it is the one of the repository: settings, volume, limits and rights."""
    content = yaml.safe_load(release_compose())
    jsonschema.validate(content, SCHEMA)
    for name, service in services().items():
        released = content["services"][name]
        assert "build" not in released
        assert released["image"] == f"${{ASR_IMAGE:-{IMAGE}}}"
        rest = {key: value for key, value in service.items() if key not in ("build", "image")}
        assert {key: released[key] for key in rest} == rest
    assert content["volumes"] == load(COMPOSE)["volumes"]


@pytest.mark.parametrize("profile", PROFILES)
def test_the_compose_file_of_a_release_works_alone(profile: str, tmp_path: Path) -> None:
    """In an empty directory, without a file .env."""
    (tmp_path / "docker-compose.yml").write_text(release_compose(), encoding="utf-8")
    command = [*compose_command(), "--profile", profile, "config", "--images"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.split() == [IMAGE]


@pytest.mark.parametrize("image", ["", "Owner/Name:1", "name with blanks", "x}"])
def test_what_is_no_name_of_an_image_is_refused(image: str) -> None:
    with pytest.raises(ValueError, match="no name of an image"):
        compose_file(COMPOSE.read_text(encoding="utf-8"), image)


def test_a_compose_file_of_another_form_is_refused() -> None:
    """Rather than published with a build that nobody can run."""
    with pytest.raises(ValueError, match="bring tools/release/compose up to date"):
        compose_file("services: {}\n", IMAGE)


@pytest.mark.parametrize(
    ("command", "argument", "begins"), [("notes", "Unreleased", "#"), ("compose-file", IMAGE, "# Alone")]
)
def test_the_commands_of_the_workflow_run_without_packages(command: str, argument: str, begins: str) -> None:
    """-S: nothing but Python's own library, as on the machine that publishes."""
    run = [sys.executable, "-S", "-m", "tools.release", command, argument]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(begins)


def test_a_wrong_tag_ends_the_workflow() -> None:
    run = [sys.executable, "-S", "-m", "tools.release", "check", f"v{app.__version__}.1"]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "must agree" in done.stderr


def test_a_tag_of_a_version_starts_the_workflow_and_nothing_else_does() -> None:
    on = workflow()[True]  # YAML 1.1 takes the word on for true
    assert on == {"push": {"tags": ["v[0-9]+.[0-9]+.[0-9]+"]}}


def test_nothing_is_pushed_that_was_not_checked_and_tested() -> None:
    runs = [step.get("run", "") for step in steps("image")]
    order = [
        next(number for number, run in enumerate(runs) if words in run)
        for words in ("tools.release check", "make image-test", "docker login", "docker push")
    ]
    assert order == sorted(order)
    assert workflow()["jobs"]["release"]["needs"] == "image"


def test_each_job_may_write_only_what_it_publishes() -> None:
    assert workflow()["permissions"] == {"contents": "read"}
    assert workflow()["jobs"]["image"]["permissions"] == {"contents": "read", "packages": "write"}
    assert workflow()["jobs"]["release"]["permissions"] == {"contents": "write"}


def test_what_comes_from_outside_reaches_no_command_line() -> None:
    """Values enter scripts as variables of the environment, never by being pasted into them."""
    scripts = [step.get("run", "") for job in workflow()["jobs"] for step in steps(job)]
    assert not any("${{" in script for script in scripts)


def test_the_image_is_labelled_with_source_and_revision() -> None:
    (labels,) = [step["env"]["LABELS"] for step in steps("image") if "LABELS" in step.get("env", {})]
    names = set(re.findall(r"--label (\S+?)=", labels))
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    names |= set(re.findall(r"(org\.opencontainers\.image\.\w+)=", dockerfile))
    last = {name.rsplit(".", 1)[1] for name in names}
    assert last >= {"title", "description", "licenses", "version", "source", "revision"}
