"""What the page at / is told of the service it comes from, so that it need not guess limits and names."""

import json
from typing import Any

from app import __version__
from app.api.dependencies import Services
from app.audio.file_endings import FILE_ENDINGS
from app.formats import FORMATS

_MARKUP = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026"}
"""What could end the element that holds the facts, or begin another one, as JSON may also write it."""


def service_facts(services: Services) -> dict[str, Any]:
    """Return limits, names and abilities; sizes in bytes, times in seconds."""
    catalogue = services.catalogue
    return {
        "version": __version__,
        "max_upload_bytes": services.upload_limits.max_file_bytes,
        "max_audio_seconds": services.max_audio_seconds,
        "timeout_seconds": services.timeout_seconds,
        "endings": list(FILE_ENDINGS),
        "models": list(catalogue.names),
        "default_model": catalogue.default_name,
        "languages": list(catalogue.languages),
        "sample": None if catalogue.sample is None else catalogue.sample.name,
        "diarization": services.ledger.report().no_speakers is None,
        "outputs": [
            {"name": name, "label": form.label, "ending": form.extension} for name, form in FORMATS.items()
        ],
    }


def as_markup(facts: dict[str, Any]) -> str:
    """Return `facts` as JSON that may stand inside a page, whatever is written in them."""
    return json.dumps(facts, ensure_ascii=True, separators=(",", ":")).translate(_MARKUP)
