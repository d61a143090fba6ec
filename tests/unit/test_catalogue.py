"""Which names a request may use, and what they stand for."""

import ast
import importlib.util
from pathlib import Path

import pytest

from app.catalogue import Catalogue, parse_sources
from app.errors import ModelUnavailable, UnknownModel
from app.known_models import ALIGNER_SOURCES, WHISPER_REPOSITORIES


def table_in(package: str, module: str, variable: str) -> dict[str, str]:
    """Return a dict literal of an installed package without importing it, which would import torch."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    tree = ast.parse((Path(spec.submodule_search_locations[0]) / module).read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == variable:
            table = ast.literal_eval(node.value)
            assert isinstance(table, dict)
            return table
    raise AssertionError(f"{package}/{module} has no {variable}")


def test_names_are_those_of_the_installed_faster_whisper() -> None:
    assert dict(WHISPER_REPOSITORIES) == table_in("faster_whisper", "utils.py", "_MODELS")


def test_aligners_are_those_of_the_installed_whisperx() -> None:
    torch_aligners = table_in("whisperx", "alignment.py", "DEFAULT_ALIGN_MODELS_TORCH")
    hub_aligners = table_in("whisperx", "alignment.py", "DEFAULT_ALIGN_MODELS_HF")
    assert dict(ALIGNER_SOURCES) == torch_aligners | hub_aligners


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("large-v3", "large-v3"),
        ("large", "large-v3"),
        ("turbo", "large-v3-turbo"),
        ("whisper-large-v3", "large-v3"),
        ("openai/whisper-tiny.en", "tiny.en"),
        ("Whisper-Turbo", "large-v3-turbo"),
        (" tiny ", "tiny"),
        ("whisper-1", "small"),
        (None, "small"),
        ("", "small"),
    ],
)
def test_every_spelling_leads_to_one_model(name: str | None, canonical: str) -> None:
    assert Catalogue(default="small").resolve(name).name == canonical


@pytest.mark.parametrize(
    "name", ["../../etc", "/models/x", "Systran/faster-whisper-tiny", "someone/else", "tinyy", "x" * 500]
)
def test_a_name_outside_the_list_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(UnknownModel) as refused:
        Catalogue().resolve(name)
    assert refused.value.known == Catalogue().names
    assert "large-v3" in str(refused.value)
    assert len(str(refused.value)) < 600


def test_models_of_the_operator_are_added_and_win() -> None:
    extra = parse_sources(("mine=/models/mine", "large-v3 = ./local", "fine=owner/repo"), "EXTRA_MODELS")
    catalogue = Catalogue(extra_models=extra)
    assert catalogue.names[-2:] == ("mine", "fine")
    mine, large, fine = (catalogue.resolve(name) for name in ("mine", "large-v3", "fine"))
    assert (mine.source, mine.is_local) == ("/models/mine", True)
    assert (large.source, large.is_local) == ("./local", True)
    assert (fine.source, fine.is_local) == ("owner/repo", False)


@pytest.mark.parametrize("text", ["mine", "mine=", "=x/y", "a=b/c/d", "a=relative", "a=x/y,a=x/z", "a b=x/y"])
def test_a_malformed_entry_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="EXTRA_MODELS"):
        parse_sources(text.split(","), "EXTRA_MODELS")


def test_the_demo_brings_its_own_aligner_and_diarizer() -> None:
    catalogue = Catalogue(aligners={"en": "owner/other"})
    demo = catalogue.resolve("demo")
    assert demo.chunk_seconds == 10
    for source in (demo.source, catalogue.aligner_source(demo, "de"), catalogue.diarizer_source(demo)):
        assert source is not None
        assert Path(source).parent.name == "demo"
    assert catalogue.aligner_source(demo, "fr") is None


def test_the_operators_aligner_wins_and_an_unknown_language_has_none() -> None:
    catalogue = Catalogue(aligners={"en": "owner/other", "cy": "/models/cy"})
    model = catalogue.resolve("large-v3")
    sources = [catalogue.aligner_source(model, language) for language in ("en", "cy", "de", "haw")]
    assert sources == ["owner/other", "/models/cy", "VOXPOPULI_ASR_BASE_10K_DE", None]


def test_models_for_english_say_so() -> None:
    specs = [Catalogue().resolve(name) for name in Catalogue().names]
    assert {spec.name for spec in specs if spec.english_only} == {
        "tiny.en",
        "base.en",
        "small.en",
        "medium.en",
        "distil-small.en",
        "distil-medium.en",
    }
    assert not any(spec.translates for spec in specs if spec.english_only)
    assert not Catalogue().resolve("turbo").translates
    assert Catalogue().resolve("large-v2").translates


def test_an_unknown_default_is_the_operators_fault_not_the_clients() -> None:
    catalogue = Catalogue(default="no-such-model")
    for name in (None, "whisper-1"):
        with pytest.raises(ModelUnavailable, match="PRELOAD_MODEL"):
            catalogue.resolve(name)
    assert catalogue.resolve("tiny").name == "tiny"
