"""What other libraries put into their errors does not carry passwords and tokens into the log."""

import json
import logging

import pytest

from app.logs import JsonFormatter, TextFormatter

SECRETS = [
    "GET https://me:s3cret@mirror.lan/api broke off",
    "GET https://me:s3cret/with@odd:signs@mirror.lan/api broke off",
    "GET https://s3cret@mirror.lan/api broke off",
    "Invalid header value: 'Bearer s3cret\\n'",
    "the token hf_s3cretABCDEFGHIJKLMNOP was refused",
]


@pytest.mark.parametrize("form", [TextFormatter(), JsonFormatter()], ids=["text", "json"])
@pytest.mark.parametrize("text", SECRETS)
def test_no_line_shows_a_password_or_token(text: str, form: logging.Formatter) -> None:
    """Neither in the message nor in a traceback, nor in what caused what is shown."""
    try:
        try:
            raise ConnectionError(text)
        except ConnectionError as cause:
            raise RuntimeError("no model") from cause
    except RuntimeError as exc:
        failure = (RuntimeError, exc, exc.__traceback__)
        record = logging.LogRecord("x", logging.ERROR, "x.py", 1, text, (), failure)
    line = form.format(record)
    assert "s3cret" not in line
    assert "***" in line
    assert "no model" in line


@pytest.mark.parametrize(
    "text", ["http://mirror.lan:8080/a/b", "mail me@mirror.lan", "hf_hub_download", "uid 1000 at /x:y@z"]
)
def test_other_words_stay(text: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, text, (), None)
    assert text in TextFormatter().format(record)
    assert json.loads(JsonFormatter().format(record))["message"] == text
