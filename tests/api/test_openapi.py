"""/openapi.json says what the code does: every bound it names is tried on the code that reads the options."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.api.error_responses import STATUS
from app.errors import BadParameter, error_classes
from app.formats import FORMATS
from app.models.model_spec import ModelSpec
from app.options.asr_options import OPTION_ALIASES, AsrOptions
from app.options.parsing import OptionReader
from tests.fake_engines import FakeEngines
from tests.in_process import in_process

OPTIONS = list(AsrOptions.model_fields)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with in_process(FakeEngines(), tmp_path_factory.mktemp("openapi")) as client:
        described: dict[str, Any] = client.get("/openapi.json").json()
    return described


@pytest.fixture(scope="module")
def asr(schema: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = schema["paths"]["/asr"]["post"]
    return operation


def form_of(operation: dict[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    return form


def query_of(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in operation["parameters"] if each["in"] == "query"}


def accepts(name: str, value: object) -> bool:
    try:
        OptionReader(lambda model: ModelSpec(str(model), "owner/name")).read_form([(name, str(value))])
    except BadParameter:
        return False
    return True


def test_every_option_is_a_form_field_and_a_query_parameter(asr: dict[str, Any]) -> None:
    assert list(form_of(asr)["properties"]) == ["audio_file", *OPTIONS]
    assert list(query_of(asr)) == OPTIONS
    assert form_of(asr)["required"] == ["audio_file"]


def test_an_option_is_described_the_same_in_both_places(asr: dict[str, Any]) -> None:
    for name in OPTIONS:
        in_form, in_query = form_of(asr)["properties"][name], query_of(asr)[name]
        assert len(in_form["description"]) > 20
        assert in_query["description"] == in_form["description"]
        assert in_query["schema"] == {key: value for key, value in in_form.items() if key != "description"}


@pytest.mark.parametrize("name", OPTIONS)
def test_bounds_choices_defaults_and_examples_are_those_of_the_code(asr: dict[str, Any], name: str) -> None:
    described = form_of(asr)["properties"][name]
    assert described.get("default") == getattr(AsrOptions(), name)
    assert all(accepts(name, example) for example in described["examples"]), described["examples"]
    if described["type"] == "integer":
        lowest, highest = described["minimum"], described["maximum"]
        assert [accepts(name, n) for n in (lowest - 1, lowest, highest, highest + 1)] == [
            False,
            True,
            True,
            False,
        ]
    if "maxLength" in described:
        longest = described["maxLength"]
        assert [accepts(name, "x" * length) for length in (longest, longest + 1)] == [True, False]
    if "enum" in described:
        assert all(accepts(name, choice) for choice in described["enum"])
        assert not accepts(name, "anything else")
    if described["type"] == "boolean":
        assert [accepts(name, word) for word in ("true", "False", "1", "on", "maybe")] == [True] * 4 + [False]


@pytest.mark.parametrize(("alias", "name"), OPTION_ALIASES.items())
def test_an_alias_is_named_in_the_description_of_its_option(
    asr: dict[str, Any], alias: str, name: str
) -> None:
    assert f"Alias: {alias}" in form_of(asr)["properties"][name]["description"]


def test_the_transcript_is_described_in_every_form(asr: dict[str, Any]) -> None:
    answer = asr["responses"]["200"]
    forms = {form.media_type for form in FORMATS.values()}
    assert set(answer["content"]) == {*forms, "text/event-stream"}
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/TranscriptAnswer")


@pytest.mark.parametrize("path", ["/asr", "/detect-language"])
def test_every_error_that_can_be_answered_is_described_with_its_codes(
    schema: dict[str, Any], path: str
) -> None:
    responses = schema["paths"][path]["post"]["responses"]
    expected = set(STATUS.values()) - {499}
    assert {int(status) for status in responses} == expected | {200}
    for status in expected:
        answer = responses[str(status)]
        assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer")
        for code in codes_of(status):
            assert code in answer["description"]


def codes_of(status: int) -> Iterator[str]:
    """Yield the codes of the errors that the table itself gives `status`."""
    return (error.code for error, its_status in STATUS.items() if its_status == status)


def test_a_refusal_for_now_announces_when_to_come_back(asr: dict[str, Any]) -> None:
    assert "Retry-After" in asr["responses"]["503"]["headers"]


def test_every_answer_of_every_route_is_described_with_its_common_headers(schema: dict[str, Any]) -> None:
    for operations in schema["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                assert {"X-Request-ID", "Server-Timing"} <= set(answer["headers"])


def test_the_ways_to_send_the_key_are_described(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert sorted(each["scheme"] for each in schemes.values() if each["type"] == "http") == [
        "basic",
        "bearer",
    ]
    assert [each["name"] for each in schemes.values() if each["type"] == "apiKey"] == ["X-API-Key"]
    ways = schema["paths"]["/asr"]["post"]["security"]
    assert {} in ways
    assert {name for way in ways for name in way} == set(schemes)


def test_all_codes_are_distinct_words_for_programs() -> None:
    codes = [error.code for error in error_classes()]
    assert len(codes) == len(set(codes))
    assert all(code.replace("_", "").isalpha() and code.islower() for code in codes)


def test_every_reference_leads_somewhere(schema: dict[str, Any]) -> None:
    named = set(re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(schema)))
    assert "components/schemas/TranscriptBody" in named
    for path in named:
        place: Any = schema
        for step in path.split("/"):
            place = place[step]
        assert place, path
