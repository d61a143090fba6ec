"""Markdown and Word: paragraphs of one speaker each, their words as they were said and never as markup."""

import io
import zipfile
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats import FORMATS, CueLayout
from app.formats.paragraphs import paragraphs_of
from app.transcript import Segment, Transcript

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def said(*segments: tuple[float, float, str, str | None]) -> Transcript:
    return Transcript(tuple(Segment(*each[:3], None, each[3]) for each in segments), "en", 9999.0, "demo")


def markdown(*segments: tuple[float, float, str, str | None]) -> str:
    return str(FORMATS["md"].render(said(*segments), CueLayout()))


def word_lines(transcript: Transcript) -> list[str]:
    """Return the paragraphs of the Word document, as a program that reads it finds them."""
    content = FORMATS["docx"].render(transcript, CueLayout())
    assert isinstance(content, bytes)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        parts = {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist()}
    assert set(parts) == {"[Content_Types].xml", "_rels/.rels", "word/document.xml"}
    paragraphs = parts["word/document.xml"].iter(f"{WORD}p")
    return ["".join(text.text or "" for text in each.iter(f"{WORD}t")) for each in paragraphs]


def test_who_goes_on_speaking_stays_in_one_paragraph() -> None:
    transcript = said(
        (0, 2, "Good morning.", "A"),
        (2, 4, "Shall we begin?", "A"),
        (4, 5, "Yes.", "B"),
        (5, 6, "Fine.", "A"),
    )
    found = [(each.start, each.speaker, each.text) for each in paragraphs_of(transcript)]
    assert found == [(0, "A", "Good morning. Shall we begin?"), (4, "B", "Yes."), (5, "A", "Fine.")]


def test_a_long_speech_has_a_time_every_minute() -> None:
    transcript = said(*((10.0 * n, 10.0 * n + 9, f"part {n}", None) for n in range(20)))
    starts = [each.start for each in paragraphs_of(transcript)]
    assert len(starts) == 3
    assert starts == [0, 70, 140]


def test_chinese_sentences_are_joined_without_a_blank() -> None:
    assert [each.text for each in paragraphs_of(said((0, 1, "你好。", "A"), (1, 2, "再见。", "A")))] == [
        "你好。再见。"
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<script>alert(1)</script>", "\\<script\\>alert(1)\\</script\\>"),
        ("**bold** and _thin_ and `code`", "\\*\\*bold\\*\\* and \\_thin\\_ and \\`code\\`"),
        ("snake_case stays", "snake_case stays"),
        ("[a](javascript:b)", "\\[a\\](javascript:b)"),
        ("# no title", "\\# no title"),
        ("- no list", "\\- no list"),
        ("1. no list", "1\\. no list"),
        ("2025 was good", "2025 was good"),
        ("=== nothing", "\\=== nothing"),
        ("&lt; R&D", "\\&lt; R\\&D"),
    ],
)
def test_nothing_that_is_said_becomes_markup(text: str, written: str) -> None:
    assert markdown((0, 1, text, None)) == f"0:00\n\n{written}\n"
    assert word_lines(said((0, 1, text, None))) == ["0:00", text]


def test_a_name_is_no_markup_either() -> None:
    assert markdown((3734, 3740, "Yes.", "**Eve**\n# x")) == "**\\*\\*Eve\\*\\* \\# x** 1:02:14\n\nYes.\n"
    assert word_lines(said((3734, 3740, "Yes.", "<Eve> & Co"))) == ["<Eve> & Co 1:02:14", "Yes."]


def test_what_is_read_from_right_to_left_is_marked_so_in_word() -> None:
    content = FORMATS["docx"].render(said((0, 1, "שלום לכולם", "דנה")), CueLayout())
    assert isinstance(content, bytes)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        document = archive.read("word/document.xml").decode()
    assert document.count("<w:bidi/>") == 2
    assert document.count("<w:rtl/>") == 1


def test_the_same_transcript_gives_the_same_bytes() -> None:
    transcript = said((0, 1, "Hello.", "A"))
    assert FORMATS["docx"].render(transcript, CueLayout()) == FORMATS["docx"].render(transcript, CueLayout())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=20), st.none() | st.text(min_size=1, max_size=5)), max_size=6))
def test_every_text_can_be_opened_in_word(texts: list[tuple[str, str | None]]) -> None:
    word_lines(said(*((float(n), n + 1.0, text, speaker) for n, (text, speaker) in enumerate(texts))))
