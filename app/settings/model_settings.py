"""The settings that say which models and languages there are: the same readers as for requests."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from app.errors import ModelUnavailable, UnknownModel
from app.models.catalogue import Catalogue, parse_sources
from app.options.languages import LANGUAGES, is_unknown_language, language_code

NOTHING = "none"
"""PRELOAD_MODEL or PRELOAD_LANGUAGE: nothing is loaded at start."""


def read_language(written: str, setting: str, languages: Collection[str] = LANGUAGES) -> str:
    """Return the code of the language that `setting` names as a request would; `languages` are allowed.

    Raises:
        ValueError: Whisper does not know it, or it is not allowed; the message names `setting`.
    """
    code = language_code(written)
    if code is None:
        raise ValueError(
            f"{setting}: {written!r} is not a language that Whisper knows; write a code such as en or a name"
        )
    if code not in languages:
        raise ValueError(
            f"{setting}: {written!r} is not in ALLOWED_LANGUAGES; use one of {', '.join(languages)}"
        )
    return code


def read_languages(entries: Iterable[str], setting: str) -> tuple[str, ...]:
    """Return the codes of the languages, each once; none and the like name none.

    Raises:
        ValueError: Whisper does not know one; the message names `setting`.
    """
    written = [entry for entry in entries if not is_unknown_language(entry)]
    return tuple(dict.fromkeys(read_language(entry, setting) for entry in written))


def read_aligners(entries: Iterable[str], setting: str) -> dict[str, str]:
    """Return the source of each aligner by the code of its language.

    Raises:
        ValueError: an entry is malformed, or a language unknown or given twice; the message names `setting`.
    """
    aligners: dict[str, str] = {}
    for written, source in parse_sources(entries, setting, pipelines=True).items():
        code = read_language(written, setting)
        if code in aligners:
            raise ValueError(f"{setting}: the language {code!r} is given twice")
        aligners[code] = source
    return aligners


def read_preload_model(written: str) -> str | None:
    """Return the name of the model that is loaded at start; None for none."""
    return None if written.strip().lower() == NOTHING else written


def read_preload_language(written: str, languages: Collection[str], *, chosen: bool) -> str | None:
    """Return the code of PRELOAD_LANGUAGE; None for none.

    A default that the operator has not `chosen` gives way to the allowed `languages`.

    Raises:
        ValueError: Whisper does not know it, or it is chosen and not allowed.
    """
    if is_unknown_language(written) or (not chosen and written not in languages):
        return None
    return read_language(written, "PRELOAD_LANGUAGE", languages)


def restrict_models(catalogue: Catalogue, allowed: Iterable[str]) -> Catalogue:
    """Return `catalogue` with the models that are named in `allowed` alone; empty allows all.

    Raises:
        ValueError: a name is not in the catalogue; the message names ALLOWED_MODELS.
    """
    names = (canonical_name(catalogue, name, "ALLOWED_MODELS") for name in allowed)
    return replace(catalogue, allowed=frozenset(names))


def canonical_name(catalogue: Catalogue, name: str, setting: str) -> str:
    """Return the canonical name of the model that `setting` names.

    Raises:
        ValueError: it is not in the catalogue, or not allowed; the message names `setting`.
    """
    try:
        return catalogue.resolve(name).name
    except (UnknownModel, ModelUnavailable) as exc:
        limit = " of ALLOWED_MODELS" if catalogue.allowed else ""
        known = ", ".join(catalogue.names)
        raise ValueError(f"{setting}: there is no model {name!r}; use one{limit}: {known}") from exc
