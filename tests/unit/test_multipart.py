import string
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.api.intake.multipart import FieldLimits, MultipartForm
from app.errors import BadRequest

FILES = frozenset({"audio_file"})
TYPE = "multipart/form-data; boundary=frontier"


def part(disposition: str, content: bytes, more: str = "") -> bytes:
    head = f"--frontier\r\nContent-Disposition: form-data; {disposition}\r\n{more}\r\n"
    return head.encode() + content + b"\r\n"


END = b"--frontier--\r\n"


def parse(
    body: bytes, step: int = 1 << 16, limits: FieldLimits | None = None, content_type: str = TYPE
) -> tuple[MultipartForm, bytes]:
    """Return the form and the bytes of the recording."""
    form = MultipartForm(content_type, FILES, limits or FieldLimits())
    recording = b"".join(form.feed(body[start : start + step]) for start in range(0, len(body), step))
    form.end()
    return form, recording


@pytest.mark.parametrize("step", [1, 2, 7, 64, 1 << 16])
def test_fields_and_file_come_out_however_the_body_is_cut(step: int) -> None:
    content = b"\r\n--frontie\r\n--frontier-no\x00\xff" * 20
    body = (
        part('name="language"', "dé".encode()) + part('name="audio_file"; filename="a b.mp3"', content) + END
    )
    form, recording = parse(body, step)
    assert form.fields == [("language", "dé")]
    assert (form.recording_part, form.file_name) == ("audio_file", "a b.mp3")
    assert recording == content


def test_the_recording_needs_no_file_name() -> None:
    form, recording = parse(part('name="audio_file"', b"sound") + END)
    assert (form.recording_part, form.file_name, recording) == ("audio_file", "", b"sound")


def test_other_parts_with_a_file_name_are_files_too() -> None:
    form, recording = parse(part('name="cover"; filename="c.png"', b"x") + END)
    assert (form.other_files, form.fields, form.recording_part, recording) == (["cover"], [], "", b"")


def test_the_boundary_may_be_quoted() -> None:
    body = part('name="a"', b"1") + END
    form, _ = parse(body, content_type='multipart/form-data; charset=utf-8; boundary="frontier"')
    assert form.fields == [("a", "1")]


def test_a_boundary_may_hold_what_needs_quotes_without_them() -> None:
    """As Java's mail library writes it."""
    body = part('name="a"', b"1").replace(b"frontier", b"----=_Part_0_1.2") + b"------=_Part_0_1.2--"
    form, _ = parse(body, content_type="multipart/form-data; boundary=----=_Part_0_1.2")
    assert form.fields == [("a", "1")]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('filename="Besprechung ü.mp3"'.encode(), "Besprechung ü.mp3"),
        (b'filename="Besprechung \xfc.mp3"', "Besprechung \ufffd.mp3"),
        (b"filename=talk.mp3", "talk.mp3"),
        (b"filename=my talk.mp3", "my talk.mp3"),
        (b'filename="a \\"b\\" c.mp3"', 'a "b" c.mp3'),
        (b'filename="a;b=c.mp3"', "a;b=c.mp3"),
        (b'filename="C:\\talks\\a.mp3"', "a.mp3"),
        (b"filename=\"a.mp3\"; filename*=UTF-8''b.mp3", "a.mp3"),
        (b'filename=""', ""),
    ],
)
def test_a_file_name_is_read_however_clients_write_it(written: bytes, meant: str) -> None:
    head = b'--frontier\r\nContent-Disposition: form-data; name="audio_file"; '
    form, _ = parse(head + written + b"\r\n\r\nx\r\n" + END)
    assert (form.recording_part, form.file_name) == ("audio_file", meant)


@pytest.mark.parametrize("tail", [b"", b"\r\n", b"\r\nepilogue"])
@pytest.mark.parametrize("step", [1, 1 << 16])
def test_what_follows_the_form_is_ignored(tail: bytes, step: int) -> None:
    form, _ = parse(b"\r\n" + part('name="a"', b"1") + END.strip() + tail, step)
    assert form.fields == [("a", "1")]


def test_what_does_not_begin_as_a_form_is_refused_at_once() -> None:
    form = MultipartForm(TYPE, FILES, FieldLimits())
    with pytest.raises(BadRequest, match="not valid multipart"):
        form.feed(b"RIFF....WAVE")


def test_a_second_recording_is_refused() -> None:
    with pytest.raises(BadRequest, match="audio_file: send one recording per request; audio_file holds one"):
        parse(part('name="audio_file"', b"1") + part('name="audio_file"', b"2") + END)


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
        assert len(form.feed(b"z" * 65536)) <= 65536 + 20


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
    form, recording = parse(body + part('name="audio_file"', safe[-1]) + END, step)
    assert recording == safe[-1]
    assert form.other_files == names


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


def test_a_document_may_come_as_a_file_and_is_bounded() -> None:
    limits = FieldLimits(field_bytes=10, document_bytes=1000)
    body = part('name="transcript"; filename="notes.txt"', b"x" * 900) + END
    form = MultipartForm(TYPE, FILES, limits)
    form.feed(body)
    assert form.fields == [("transcript", "x" * 900)]
    with pytest.raises(BadRequest, match="transcript: the text is too long: the limit is 1000 bytes"):
        MultipartForm(TYPE, FILES, limits).feed(body[: -len(END)] * 2)
