"""Puts the options, formats and errors of POST /asr into words for docs/api.md."""

from typing import Any

from app.api.error_responses import status_of
from app.errors import error_classes
from app.formats import FORMATS
from app.options.asr_options import AsrOptions
from app.options.parsing import OPTION_CHOICES
from tools.docs.tables import code, table

_LONG = {"language": "a code or English name of Whisper's languages, or auto"}
"""Ranges that would fill a page; the API reference lists them."""


def options_table() -> str:
    """Return the table of all options of POST /asr."""
    schemas = AsrOptions.model_json_schema()["properties"]
    rows = [
        (code(name), _type(schemas[name]), _default(field.default), _range(name), field.description or "")
        for name, field in AsrOptions.model_fields.items()
    ]
    return table(("Option", "Type", "Default", "Range/values", "Meaning"), rows)


def formats_table() -> str:
    """Return the table of output formats."""
    rows = [(code(name), code(kind.media_type), code(f".{kind.extension}")) for name, kind in FORMATS.items()]
    return table(("output_format", "Media type", "File name ends in"), rows)


def errors_table() -> str:
    """Return the table of failures, by status and code."""
    rows = sorted(
        (str(status_of(kind)), code(kind.code), (kind.__doc__ or "").splitlines()[0])
        for kind in error_classes()
    )
    return table(("Status", "code", "When"), rows)


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return _type(next(each for each in schema["anyOf"] if each.get("type") != "null"))
    return str(schema.get("type", "string"))


def _default(default: object) -> str:
    if default is None:
        return "unset"
    return code(str(default).lower() if isinstance(default, bool) else str(default))


def _range(name: str) -> str:
    return _LONG.get(name) or OPTION_CHOICES[name]
