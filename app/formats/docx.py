"""Word (.docx): a paragraph for each turn, under the speaker's name and the time.

The three parts that Office Open XML (ECMA-376) asks for, and nothing else.
"""

import io
import re
import zipfile
from xml.sax.saxutils import escape

from app.formats.cues import CueLayout
from app.formats.direction import reads_right_to_left
from app.formats.paragraphs import Paragraph, paragraphs_of
from app.formats.timestamps import short_clock
from app.transcript import Transcript

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_OFFICE = "http://schemas.openxmlformats.org"
_PACKAGE = "application/vnd.openxmlformats"
_TYPES = (
    f'{_DECLARATION}<Types xmlns="{_OFFICE}/package/2006/content-types">'
    f'<Default Extension="rels" ContentType="{_PACKAGE}-package.relationships+xml"/>'
    f'<Override PartName="/word/document.xml" '
    f'ContentType="{_PACKAGE}-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    f'{_DECLARATION}<Relationships xmlns="{_OFFICE}/package/2006/relationships">'
    f'<Relationship Id="document" Type="{_OFFICE}/officeDocument/2006/relationships/officeDocument" '
    f'Target="word/document.xml"/></Relationships>'
)
_NOT_XML = re.compile("[\ufffe\uffff]")
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a ZIP archive knows: the same transcript gives the same bytes."""


def render(transcript: Transcript, _layout: CueLayout) -> bytes:
    """Return the document."""
    body = "".join(map(_written, paragraphs_of(transcript)))
    document = (
        f'<w:document xmlns:w="{_OFFICE}/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>'
    )
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "word/document.xml": _DECLARATION + document,
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name, _FIRST_DAY), content.encode(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()


def _written(paragraph: Paragraph) -> str:
    rtl = reads_right_to_left(paragraph.text)
    time = f" {short_clock(paragraph.start)}" if paragraph.speaker else short_clock(paragraph.start)
    head = (_run(paragraph.speaker, "<w:b/>") if paragraph.speaker else "") + _run(time, "")
    return _paragraph(head, "<w:keepNext/>", rtl) + _paragraph(
        _run(paragraph.text, "<w:rtl/>" if rtl else ""), "", rtl
    )


def _paragraph(runs: str, properties: str, right_to_left: bool) -> str:
    properties += "<w:bidi/>" if right_to_left else ""
    return f"<w:p><w:pPr>{properties}</w:pPr>{runs}</w:p>"


def _run(text: str, properties: str) -> str:
    plain = escape(_NOT_XML.sub("\ufffd", text))
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{plain}</w:t></w:r>'
