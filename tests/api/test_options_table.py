"""docs/api.md, OpenAPI and code name the same options, with the same types, defaults and ranges."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from app.api.openapi import upload_operation
from app.options.asr_options import AsrOptions
from tests.service import ROOT

OPTIONS = list(AsrOptions.model_fields)


def options_table() -> dict[str, dict[str, str]]:
    """Return the table of options in docs/api.md: name -> column -> cell."""
    lines = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").splitlines()
    header = next(number for number, line in enumerate(lines) if line.startswith("| Option |"))
    columns = cells(lines[header])
    rows = {}
    for line in lines[header + 2 :]:
        if not line.startswith("|"):
            break
        row = dict(zip(columns, cells(line), strict=True))
        rows[row["Option"].strip("`")] = row
    return rows


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def described_options() -> Mapping[str, dict[str, Any]]:
    content = upload_operation(*OPTIONS)["requestBody"]["content"]["multipart/form-data"]
    options: dict[str, dict[str, Any]] = dict(content["schema"]["properties"])
    del options["audio_file"]
    return options


def test_the_names_are_the_same_everywhere() -> None:
    assert list(options_table()) == list(described_options()) == OPTIONS


@pytest.mark.parametrize("name", OPTIONS)
def test_types_and_defaults_are_the_same_everywhere(name: str) -> None:
    row, described = options_table()[name], described_options()[name]
    default = AsrOptions.model_fields[name].default
    shown = {"True": "`true`", "False": "`false`", "None": "unset"}.get(str(default), f"`{default}`")
    assert row["Default"] == shown
    assert described.get("default") == default
    assert row["Type"] == described["type"]


@pytest.mark.parametrize("name", OPTIONS)
def test_ranges_and_choices_are_the_same_everywhere(name: str) -> None:
    """The code's own bounds are held against OpenAPI in test_openapi.py."""
    row, described = options_table()[name], described_options()[name]
    column = next(column for column in row if column.startswith("Range"))
    bounds = [described[key] for key in ("minimum", "maximum", "maxLength") if key in described]
    assert [int(number) for number in re.findall(r"\d+", row[column])] == bounds
    if "enum" in described:
        assert [word for word in described["enum"] if word not in row[column]] == []
        assert len(re.findall(r"[a-z]+", row[column].removeprefix("one of"))) == len(described["enum"])


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_explained(name: str) -> None:
    assert len(options_table()[name]["Meaning"]) > 20
