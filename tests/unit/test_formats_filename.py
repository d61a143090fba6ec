"""The file name of an answer is taken from the upload and can break neither header nor disk."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.formats.content_disposition import content_disposition, download_name


@pytest.mark.parametrize(
    ("upload", "expected"),
    [
        ("meeting.mp3", "meeting.srt"),
        ("a.b.c.flac", "a.b.c.srt"),
        ("../../etc/passwd", "passwd.srt"),
        ("C:\\talks\\Team meeting.m4a", "Team meeting.srt"),
        ("über uns.wav", "über uns.srt"),
        ('a"; filename="evil.exe', "a_ filename=_evil.srt"),
        ("line\r\nSet-Cookie: a=b.mp3", "line Set-Cookie_ a=b.srt"),
        ("\u202egpj.exe.mp3", "gpj.exe.srt"),
        (".hidden", "hidden.srt"),
        ("...", "transcript.srt"),
        ("", "transcript.srt"),
        (None, "transcript.srt"),
        ("a" * 300 + ".mp3", "a" * 100 + ".srt"),
    ],
)
def test_the_download_is_named_after_the_upload(upload: str | None, expected: str) -> None:
    assert download_name(upload, "srt") == expected


def test_names_beyond_ascii_are_sent_in_both_forms() -> None:
    assert content_disposition("Besprechung März.mp3", "vtt") == (
        "attachment; filename=\"Besprechung Marz.vtt\"; filename*=UTF-8''Besprechung%20M%C3%A4rz.vtt"
    )
    assert content_disposition("会议.mp3", "txt") == (
        "attachment; filename=\"transcript.txt\"; filename*=UTF-8''%E4%BC%9A%E8%AE%AE.txt"
    )


@given(st.text(alphabet=st.characters(), max_size=300))
@example("；")
@example("a＂／b")
def test_no_upload_name_can_break_the_header(upload: str) -> None:
    header = content_disposition(upload, "srt")
    assert header.isascii()
    assert header.isprintable()
    name = header.removeprefix('attachment; filename="').split('"')[0]
    assert name.endswith(".srt")
    assert not set('/\\";%') & set(name)
    assert header.count('"') == 2
