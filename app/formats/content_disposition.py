"""The name under which a browser saves the answer."""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

_UNSAFE = re.compile(r'[<>:"|?*%;\\/]+')


def download_name(upload_name: str | None, extension: str) -> str:
    """Return the upload's name with `extension` (no dot) in place of its own, safe on every file system.

    >>> download_name("C:\\\\talks\\\\Team meeting.mp3", "srt")
    'Team meeting.srt'
    """
    name = PurePosixPath((upload_name or "").replace("\\", "/")).name
    printable = "".join(
        " " if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc") else character
        for character in name
        if unicodedata.category(character) not in ("Cf", "Cs", "Co", "Cn")
    )
    stem = PurePosixPath(_UNSAFE.sub("_", printable)).stem
    tidy = " ".join(stem.split()).strip(". ")
    return f"{tidy[:100].rstrip('. ') or 'transcript'}.{extension}"


def content_disposition(upload_name: str | None, extension: str) -> str:
    """Return the value of a Content-Disposition header (RFC 6266) in ASCII, whatever the upload is called."""
    name = download_name(upload_name, extension)
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    ascii_name = _UNSAFE.sub("_", ascii_name)  # a full-width quotation mark has become a plain one
    if ascii_name.strip() in ("", f".{extension}"):
        ascii_name = f"transcript.{extension}"
    header = f'attachment; filename="{ascii_name}"'
    return header if ascii_name == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
