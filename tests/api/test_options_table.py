"""docs/api.md, OpenAPI and code name the same options, with the same types, defaults and ranges."""

import re
from collections.abc import Mapping
from typing import Any

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


def test_the_table_says_of_every_option_what_openapi_and_the_code_say() -> None:
    """The code's own bounds are held against OpenAPI in test_openapi.py."""
    described = described_options()
    for name, row in options_table().items():
        assert row["Type"] == described[name]["type"], name
        assert row["Default"] == shown_default(name), name
        assert described[name].get("default") == AsrOptions.model_fields[name].default, name
        assert_same_range(row, described[name])
        assert len(row["Meaning"]) > 20, name


def shown_default(name: str) -> str:
    default = AsrOptions.model_fields[name].default
    return {"True": "`true`", "False": "`false`", "None": "unset"}.get(str(default), f"`{default}`")


def assert_same_range(row: dict[str, str], described: dict[str, Any]) -> None:
    column = next(column for column in row if column.startswith("Range"))
    bounds = [described[key] for key in ("minimum", "maximum", "maxLength") if key in described]
    assert [float(number) for number in re.findall(r"\b\d+(?:\.\d+)?\b", row[column])] == bounds, row
    if "enum" in described:
        assert [word for word in described["enum"] if word not in row[column]] == [], row
        assert len(re.findall(r"[a-z][a-z0-9]*", row[column].removeprefix("one of"))) == len(
            described["enum"]
        ), row
