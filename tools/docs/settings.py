"""Puts Settings into words: .env.example, docker-compose.yml and the one table of settings."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo

from app.settings.schema import OLD_NAMES, Settings
from tools.docs.costs import COSTS
from tools.docs.tables import code, table

COMPOSE_VARIABLES = {
    "COMPOSE_PROFILES": ("gpu", "Which service docker compose starts: gpu or cpu."),
    "ASR_IMAGE": (
        "whisperx-asr-api",
        "Image that docker compose runs: built in a clone, or published.",
    ),
    "TORCH_INDEX": (
        "",
        "Index that the image takes torch from; unset: requirements.lock.",
    ),
}
"""Variables that docker-compose.yml reads and the service does not: default and meaning."""

FIXED_IN_IMAGE = ("HOST", "PORT", "CACHE_DIR", "TEMP_DIR")
"""Settings that the image chooses itself; docker compose forwards all others."""

SET_AT_ONCE = ("COMPOSE_PROFILES", "HF_TOKEN", "PRELOAD_MODEL")
"""Lines of .env.example that are no comments: what a first start decides."""

_HEADER = """\
# Settings of the service, read from the environment and from a file .env in its directory, as docker compose
# does. Everything is optional. Lines behind # show the default; a name without a value counts as unset.
"""


def env_example() -> str:
    """Return the text of .env.example: a sentence and a line for every setting."""
    return _HEADER + "".join(_entries())


def forward_settings(compose: str) -> str:
    """Return the text of docker-compose.yml with a line, also by its old name, for every open setting."""
    every = [name.upper() for name in (*Settings.model_fields, *OLD_NAMES)]
    names = [name for name in every if name not in FIXED_IN_IMAGE]
    lines = "".join(f"    {name}:\n" for name in names)
    return re.sub(r"(  environment: &settings\n)(?:    \w+:\n)*", rf"\1{lines}", compose)


def settings_table() -> str:
    """Return the table of all settings, each with what it costs to change it."""
    rows = [
        (code(name.upper()), _default_in_words(field), _allowed(field), _sentence(field), COSTS.get(name, ""))
        for name, field in Settings.model_fields.items()
    ]
    return table(("Name", "Default", "Allowed", "Meaning", "What it costs"), rows)


def _entries() -> Iterator[str]:
    for name, (default, meaning) in COMPOSE_VARIABLES.items():
        yield _entry(name, default, meaning)
    for name, field in Settings.model_fields.items():
        variable = name.upper()
        fixed = " Leave it out in a container." if variable in FIXED_IN_IMAGE and variable != "PORT" else ""
        yield _entry(variable, _default(field), _sentence(field) + fixed)


def _entry(name: str, default: str, meaning: str) -> str:
    commented = "" if name in SET_AT_ONCE else "# "
    return f"\n# {meaning}\n{commented}{name}={default}\n"


def _sentence(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def _default(field: FieldInfo) -> str:
    """Return the default as it is written in a .env file, "" for none."""
    default: Any = field.default
    if default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(default)
    return str(default).lower() if isinstance(default, bool) else f"{default}"


def _default_in_words(field: FieldInfo) -> str:
    """Return the default as Markdown code, or "unset"."""
    return code(_default(field)) if _default(field) else "unset"


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is tuple:
        return "list"
    choices = get_args(field.annotation)
    if field.annotation is bool:
        return "true, false"
    if choices and all(isinstance(choice, str) for choice in choices):
        return ", ".join(choices)
    limits = [*_limits(field)]
    return " and ".join(limits) if limits else "text"


def _limits(field: FieldInfo) -> Iterator[str]:
    for sign, attribute in (("≥", "ge"), (">", "gt"), ("≤", "le"), ("<", "lt")):
        for constraint in field.metadata:
            limit = getattr(constraint, attribute, None)
            if limit is not None:
                yield f"{sign} {limit:.10g}"
