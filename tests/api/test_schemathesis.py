"""Generated requests against the service, on fake engines, and its own description: no 500, no surprise."""

import io
import math
import wave
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fake_engines import FakeEngines
from tests.wire import wired

CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def beep() -> bytes:
    samples = b"".join(
        int(8000 * math.sin(number / 6)).to_bytes(2, "little", signed=True) for number in range(4000)
    )
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(samples)
    return buffer.getvalue()


# Now and then the upload is a recording, so that answers of success are generated too.
schemathesis.openapi.format(
    "binary",
    st.one_of(st.just(beep()), st.binary(), st.binary(min_size=1), st.binary(max_size=2000), st.binary()),
)


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[schemathesis.BaseSchema]:
    with wired(FakeEngines(), tmp_path_factory.mktemp("described")) as wire:
        yield schemathesis.openapi.from_url(f"{wire.url}/openapi.json")


@pytest.mark.parametrize(
    ("method", "path", "examples"),
    [
        ("POST", "/asr", 350),
        ("POST", "/detect-language", 150),
        ("POST", "/v1/audio/transcriptions", 80),
        ("POST", "/v1/audio/translations", 30),
        ("POST", "/render", 100),
        ("GET", "/v1/models", 1),
        ("GET", "/v1/models/{name}", 5),
        ("GET", "/health", 1),
    ],
)
def test_every_answer_is_a_described_one(
    described: schemathesis.BaseSchema, method: str, path: str, examples: int
) -> None:
    @given(case=described[path][method].as_strategy())
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def answered_as_described(case: schemathesis.Case) -> None:
        check(case)

    answered_as_described()


def check(case: schemathesis.Case) -> None:
    answer = case.call(timeout=60)
    assert answer.status_code != 500
    case.validate_response(answer, checks=CHECKS)
