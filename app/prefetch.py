"""The body of `python -m app prefetch`: download models, load each once, say where they lie."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from app.composition import build_catalogue, build_loader, build_plan
from app.engines.lending.loader import EngineLoader
from app.errors import AsrError
from app.models.catalogue import Catalogue
from app.models.loaded_model import LoadedEngine
from app.models.model_files import size_on_disk
from app.models.model_spec import ModelSpec, shown_source
from app.settings.model_settings import read_languages
from app.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Item:
    """One model to fetch."""

    kind: str
    name: str
    load: Callable[[], LoadedEngine[Any]]
    """Downloads what is not on disk, and loads it: that proves the files whole and of the right kind."""


def prefetch(settings: Settings, names: Sequence[str], *, languages: Sequence[str], diarization: bool) -> int:
    """Fetch and check the models called `names`, aligners for `languages` and the diarization pipeline.

    Returns:
        The exit status: 0 if every model is on disk and loads, 1 if one does not, 2 for names or settings
        that make no sense. What failed is said on standard error.
    """
    errors = Console(stderr=True, soft_wrap=True)
    try:
        catalogue = build_catalogue(settings)
        loader = build_loader(settings, build_plan(settings), show_progress=True)
        codes = read_languages(languages, "--languages")
        items = list(_items(catalogue, loader, names, codes, diarization))
    except (AsrError, ValueError) as exc:
        errors.print(f"prefetch: {exc}", markup=False)
        return 2
    table = Table("model", "kind", "size", Column("where", overflow="fold"))
    failed = False
    for item in items:
        try:
            loaded = item.load()
            loaded.close()
            table.add_row(item.name, item.kind, _megabytes(loaded.place), str(loaded.place))
        except AsrError as exc:
            errors.print(f"prefetch: {exc}", markup=False)
            table.add_row(item.name, item.kind, "-", "failed")
            failed = True
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    return 1 if failed else 0


def _items(
    catalogue: Catalogue,
    loader: EngineLoader,
    names: Sequence[str],
    languages: Sequence[str],
    diarization: bool,
) -> Iterator[Item]:
    """Yield what is to be fetched, each thing once.

    Raises:
        UnknownModel: a name is not in the catalogue.
        ValueError: no aligner is known for a language.
    """
    models = [catalogue.resolve(name) for name in names]
    for model in dict.fromkeys(models):
        yield Item("Whisper", model.name, partial(loader.transcriber, model, "cpu"))
    aligners = [
        (_aligner(catalogue, model, language), language) for model in models for language in languages
    ]
    for source, language in dict.fromkeys(aligners):
        yield Item("aligner", language, partial(loader.aligner, source, language, "cpu"))
    pipelines = [catalogue.diarizer_source(model) for model in models] if diarization else []
    for source in dict.fromkeys(pipelines):
        yield Item("diarization", shown_source(source), partial(loader.diarizer, source, "cpu"))


def _aligner(catalogue: Catalogue, model: ModelSpec, language: str) -> str:
    source = catalogue.aligner_source(model, language)
    if source is None:
        raise ValueError(
            f"no alignment model is known for {language!r} with {model.name}; name one with "
            f"ALIGN_MODELS={language}=<model>"
        )
    return source


def _megabytes(place: Path) -> str:
    return f"{size_on_disk(place) / 1e6:,.1f} MB"
