import string
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.intake.multipart import Event, Field, FieldLimits, FileBegin, FileData, MultipartForm
from app.errors import BadRequest

FILES = frozenset({"audio_file"})
TYPE = "multipart/form-data; boundary=frontier"


def part(disposition: str, content: bytes, more: str = "") -> bytes:
    head = f"--frontier\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


END = b"--frontier--\r\n"


def parse(
    body: bytes, step: int = 1 << 16, limits: FieldLimits | None = None, content_type: str = TYPE
) -> list[Event]:
    form = MultipartForm(content_type, FILES, limits or FieldLimits())
    events: list[Event] = []
    for start in range(0, len(body), step):
        events += form.feed(body[start : start + step])
    form.end()
    return events


def file_bytes(events: list[Event]) -> bytes:
    return b"".join(event.block for event in events if isinstance(event, FileData))


@pytest.mark.parametrize("step", [1, 2, 7, 64, 1 << 16])
def test_fields_and_file_come_out_however_the_body_is_cut(step: int) -> None:
    content = b"\r\n--frontie\r\n--frontier-no\x00\xff" * 20
    body = (
        part('name="language"', "dé".encode()) + part('name="audio_file"; filename="a b.mp3"', content) + END
    )
    events = parse(body, step)
    assert events[:2] == [Field("language", "dé"), FileBegin("audio_file", "a b.mp3")]
    assert file_bytes(events) == content


def test_the_recording_needs_no_file_name() -> None:
    events = parse(part('name="audio_file"', b"sound") + END)
    assert events == [FileBegin("audio_file", ""), FileData(b"sound")]


def test_other_parts_with_a_file_name_are_files_too() -> None:
    events = parse(part('name="cover"; filename="c.png"', b"x") + END)
    assert events[0] == FileBegin("cover", "c.png")


def test_the_boundary_may_be_quoted() -> None:
    body = part('name="a"', b"1") + END
    assert parse(body, content_type='multipart/form-data; charset=utf-8; boundary="frontier"') == [
        Field("a", "1")
    ]


@pytest.mark.parametrize(
    ("body", "wording"),
    [
        (b"", "ended before the form was complete"),
        (b"--frontier", "ended before the form was complete"),
        (part('name="a"', b"1"), "ended before the form was complete"),
        (part('name="audio_file"; filename="a"', b"1" * 5000), "ended before the form was complete"),
        (b"no form at all", "not valid multipart"),
        (b"--frontier\r\nContent Disposition form-data\r\n\r\n", "not valid multipart"),
        (b"--frontier\r\n\r\nnameless\r\n" + END, "a part has no name"),
        (b"--frontier\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" + END, "a part has no name"),
        (part("filename=x", b"1") + END, "a part has no name"),
        (part('name="a"', b"\xff\xfe") + END, "a: not valid UTF-8"),
        (part("name=" + "n" * 5000, b"") + END, "not valid multipart"),
        (part('name="a"', b"x" * 101) + END, "a: the field is too long: the limit is 100 bytes"),
        (b"".join(part(f'name="f{n}"', b"") for n in range(11)) + END, "more than 10 parts"),
        (b"".join(part(f'name="f{n}"', b"y" * 90) for n in range(5)) + END, "limit is 400 bytes in all"),
    ],
)
def test_what_is_wrong_with_a_form_is_said_in_words(body: bytes, wording: str) -> None:
    limits = FieldLimits(parts=10, field_bytes=100, all_fields_bytes=400)
    with pytest.raises(BadRequest, match=wording):
        parse(body, limits=limits)


def test_a_form_holds_64_kib_in_a_field_and_512_kib_in_all() -> None:
    parse(part('name="a"', b"x" * 65_536) + END)
    with pytest.raises(BadRequest, match="a: the field is too long: the limit is 65536 bytes"):
        parse(part('name="a"', b"x" * 65_537) + END)
    parse(b"".join(part(f'name="f{n}"', b"x" * 65_536) for n in range(8)) + END)
    with pytest.raises(BadRequest, match="the limit is 524288 bytes in all"):
        parse(b"".join(part(f'name="f{n}"', b"x" * 65_536) for n in range(8)) + part('name="g"', b"x"))


@pytest.mark.parametrize(
    "content_type",
    ["", "audio/mpeg", "application/json", "application/x-www-form-urlencoded", "multipart/form-data",
     "multipart/form-data; boundary=", "multipart/mixed; boundary=x",
     "multipart/form-data; boundary=" + "b" * 300],
)  # fmt: skip
def test_a_body_that_is_no_form_is_told_how_to_send_one(content_type: str) -> None:
    with pytest.raises(BadRequest, match=r"multipart/form-data|boundary"):
        MultipartForm(content_type, FILES, FieldLimits())


def test_file_bytes_are_passed_on_and_not_collected() -> None:
    """Feeding a large file keeps nothing of it: what comes out is at most what went in."""
    form = MultipartForm(TYPE, FILES, FieldLimits())
    form.feed(b'--frontier\r\nContent-Disposition: form-data; name="audio_file"\r\n\r\n')
    for _ in range(50):
        events = form.feed(b"z" * 65536)
        assert len(file_bytes(events)) <= 65536 + 20
    assert len(form._value) == 0


@settings(max_examples=60, deadline=None)
@given(
    names=st.lists(st.text(string.ascii_letters + "_-[]", min_size=1, max_size=12), max_size=6),
    contents=st.lists(st.binary(max_size=300), min_size=7, max_size=7),
    step=st.integers(1, 200),
)
def test_any_file_bytes_survive_any_cut(names: list[str], contents: list[bytes], step: int) -> None:
    safe = [content.replace(b"--frontier", b"") for content in contents]
    body = b"".join(
        part(f'name="{name}"; filename="f"', content) for name, content in zip(names, safe, strict=False)
    )
    events = parse(body + part('name="audio_file"', safe[-1]) + END, step)
    expected = b"".join(content for _, content in zip(names, safe, strict=False)) + safe[-1]
    assert file_bytes(events) == expected
    assert [event.name for event in events if isinstance(event, FileBegin)] == [*names, "audio_file"]


fragments = st.sampled_from(
    [b"--frontier", b"\r\n", b"--", b"Content-Disposition: form-data; ", b'name="a"', b'filename="',
     b"\r\n\r\n",
     b"\x00", b"\xff", b":", b";", b"=", b'"', b"\\", b"\r", b"\n", b"x" * 4300, b"Content-Type: a/b\r\n",
     b"--frontier--"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(fragments | st.binary(max_size=20), max_size=25).map(b"".join), st.integers(10, 300))
@example(b"--frontier\r\n" + part('name="a', b""), 3)
def test_no_body_does_worse_than_be_refused(body: bytes, step: int) -> None:
    with suppress(BadRequest):
        parse(body, step)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=100) | st.text(max_size=60).map(lambda tail: "multipart/form-data; boundary=" + tail))
def test_no_content_type_does_worse_than_be_refused(content_type: str) -> None:
    header = content_type.encode("latin-1", "replace").decode("latin-1")
    with suppress(BadRequest):
        MultipartForm(header, FILES, FieldLimits()).feed(b"--x\r\n")
