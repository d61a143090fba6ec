"""known_speaker_names and known_speaker_references: names with a recording of each voice in a data URL."""

import asyncio
import base64
import binascii
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from app.api.openai.form_fields import FormFields
from app.errors import BadParameter
from app.request_context import KnownSpeaker
from app.work.upload_store import UploadStore

NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"
MOST = 32
"""As many as there may be speakers; OpenAI allows four."""
_LONGEST_NAME = 100
_DATA_URL = re.compile(r"\s*data:[^,]*;\s*base64\s*,(?P<data>.*)", re.DOTALL | re.IGNORECASE)
_HOW = "data URLs with a recording in base64, as data:audio/wav;base64,UklGR..."


@dataclass(frozen=True, slots=True)
class KnownSample:
    """Somebody's name and the bytes of a recording, not decoded yet."""

    name: str
    recording: bytes


def read_known_samples(fields: FormFields) -> tuple[KnownSample, ...]:
    """Return the voices that the client knows.

    Raises:
        BadParameter: names and references do not go together, or a reference is no data URL.
    """
    names, references = fields.array(NAMES), fields.array(REFERENCES)
    if len(names) != len(references):
        counts = f"{len(names)} names and {len(references)} references"
        raise BadParameter(NAMES if len(names) > len(references) else REFERENCES, counts, "as many of each")
    if len(names) > MOST:
        raise BadParameter(NAMES, f"{len(names)} names", f"at most {MOST}")
    cleaned = [" ".join(name.split()) for name in names]
    if len(set(cleaned)) < len(cleaned) or any(len(name) > _LONGEST_NAME for name in cleaned):
        allowed = f"different names of at most {_LONGEST_NAME} characters"
        raise BadParameter(NAMES, ", ".join(cleaned), allowed)
    return tuple(
        KnownSample(name, _recording(name, reference))
        for name, reference in zip(cleaned, references, strict=True)
    )


async def store_samples(
    known: Sequence[KnownSample], store: UploadStore, stack: AsyncExitStack
) -> tuple[KnownSpeaker, ...]:
    """Return `known` with their recordings where the decoder can read them, until `stack` is closed."""
    stored = []
    for sample in known:
        upload = store.new_upload()
        stack.callback(upload.close)
        await asyncio.to_thread(upload.write, sample.recording)
        stored.append(KnownSpeaker(sample.name, upload))
    return tuple(stored)


def _recording(name: str, reference: str) -> bytes:
    """Return the bytes in a data URL; white space in it and missing padding are forgiven."""
    found = _DATA_URL.match(reference)
    if found is None:
        raise BadParameter(REFERENCES, reference, f"{_HOW} (that of {name} is none)")
    data = "".join(found["data"].split()).replace("-", "+").replace("_", "/").rstrip("=")
    try:
        recording = base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
    except binascii.Error:
        recording = b""
    if not recording:
        raise BadParameter(REFERENCES, reference, f"{_HOW} (that of {name} is not valid base64)")
    return recording
