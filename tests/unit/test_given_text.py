"""A text that the caller has already is read letter by letter, whatever form it comes in."""

import json

import pytest

from app.options.given_text import GivenText, read_given_text

SRT = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello</i> {there},\r\nyou & me\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000\r\n- Bye\r\n"
)
VTT = (
    "WEBVTT\n\nNOTE nothing\n\n00:01.000 --> 00:02.000\n<v Maria>Hello &amp; <b>you</b>\n\n"
    "second\n00:03.000 --> 00:04.000\nBye\n"
)


@pytest.mark.parametrize(
    ("written", "pieces", "whole"),
    [
        ("Hello  there.\n\n How are you?\n", ("Hello there.", "How are you?"), False),
        (SRT, ("Hello {there}, you & me", "- Bye"), True),
        (VTT, ("Hello & you", "Bye"), True),
        (
            json.dumps({"segments": [{"text": " Hello"}, {"text": ""}, {"text": "Bye", "start": 3}]}),
            ("Hello", "Bye"),
            True,
        ),
        ("[1] is no JSON of ours", ("[1] is no JSON of ours",), False),
    ],
    ids=["plain", "srt", "vtt", "json", "brackets"],
)
def test_forms(written: str, pieces: tuple[str, ...], whole: bool) -> None:
    assert read_given_text(written) == GivenText(pieces, whole)


@pytest.mark.parametrize(
    "written",
    [
        " \n",
        "{}",
        "{",
        '{"segments": 3}',
        '{"segments": [{"text": 1}]}',
        '{"segments": []}',
        "a --> b",
        "{" * 100_000,
    ],
)
def test_what_holds_no_text_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_given_text(written)
