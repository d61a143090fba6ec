"""The commands of the workflow and of pre-commit are the project's own."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import app
from tests.mutants import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


def workflow() -> dict[str, Any]:
    content = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def test_the_workflow_lints_tests_and_builds_the_image() -> None:
    """With the commands that a person types; each is a target of the Makefile."""
    steps = [step["run"] for job in workflow()["jobs"].values() for step in job["steps"] if "run" in step]
    targets = {target for step in steps for target in re.findall(r"^make ([a-z-]+)", step)}
    assert targets == {"lint", "test", "image-test"}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_workflow_runs_every_python_that_is_promised() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">=3.11,<3.14"' in project
    assert workflow()["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_pre_commit_accepts_its_file() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.fault)
def test_every_fault_of_make_mutants_still_has_its_place(mutant: Mutant) -> None:
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.old) == 1


def test_the_changelog_is_kept() -> None:
    """Keep a Changelog: an Unreleased section, or one of the present version, comes first."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## \[(.+?)\]", text, re.MULTILINE)
    assert first is not None
    assert first[1] in ("Unreleased", app.__version__)
