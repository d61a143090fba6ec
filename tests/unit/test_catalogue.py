"""Which names a request may use, and what they stand for."""

import ast
import importlib.util
from pathlib import Path

import pytest

from app.errors import ModelUnavailable, UnknownModel
from app.models.catalogue import Catalogue, parse_sources
from app.models.known_models import ALIGNER_SOURCES, WHISPER_REPOSITORIES
from app.settings.model_settings import restrict_models

REPOSITORY = "Systran/faster-whisper-large-v3"


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
        ("Systran/faster-whisper-large-v3", "large-v3"),
        ("systran/FASTER-whisper-tiny", "tiny"),
        ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", "large-v3-turbo"),
        ("distil-whisper/distil-large-v3.5-ct2", "distil-large-v3.5"),
        ("distil-whisper/distil-large-v3", "distil-large-v3"),
        ("whisper-1", "small"),
        (None, "small"),
        ("", "small"),
    ],
)
def test_every_spelling_leads_to_one_model(name: str | None, canonical: str) -> None:
    assert Catalogue(default="small").resolve(name).name == canonical


@pytest.mark.parametrize(
    "name", ["../../etc", "/models/x", "Systran/faster-whisper-gigantic", "someone/else", "tinyy", "x" * 500]
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


@pytest.mark.parametrize(
    "name",
    [None, "whisper-1", "LARGE-V3", "large", "whisper-large", "openai/whisper-large-v3", REPOSITORY],
)
def test_a_model_of_the_operator_wins_under_every_name_of_the_built_in_one(name: str | None) -> None:
    catalogue = Catalogue(extra_models={"large-v3": "/models/ours"})
    assert (catalogue.resolve(name).name, catalogue.resolve(name).source) == ("large-v3", "/models/ours")


def test_an_alias_can_be_taken_over_without_the_model_behind_it() -> None:
    catalogue = Catalogue(extra_models={"large": "/models/ours", "whisper-1": "owner/fine"})
    assert catalogue.resolve("large").source == "/models/ours"
    assert catalogue.resolve("large-v3").source == "Systran/faster-whisper-large-v3"
    assert catalogue.resolve("whisper-1").source == "owner/fine"
    assert catalogue.resolve().name == "large-v3"


def test_a_repository_of_the_operator_is_as_good_as_its_name_and_a_directory_is_not() -> None:
    catalogue = Catalogue(extra_models={"fine": "Owner/Repo", "ours": "/models/ours"})
    assert catalogue.resolve("owner/repo").name == "fine"
    with pytest.raises(UnknownModel):
        catalogue.resolve("/models/ours")


def test_a_known_repository_under_another_name_can_do_what_it_can() -> None:
    catalogue = Catalogue(
        extra_models={
            "fast": "Systran/faster-whisper-tiny.en",
            "quick": "mobiuslabsgmbh/faster-whisper-LARGE-v3-turbo",
        }
    )
    assert catalogue.resolve("fast").abilities.english_only
    assert not catalogue.resolve("quick").abilities.translates
    assert not catalogue.resolve("quick").abilities.english_only


def test_only_allowed_models_are_named_and_found() -> None:
    catalogue = restrict_models(
        Catalogue(default="tiny", extra_models={"ours": "/models/ours"}), ["Whisper-tiny", "ours", "turbo"]
    )
    assert catalogue.names == ("tiny", "large-v3-turbo", "turbo", "ours")
    assert catalogue.resolve("openai/whisper-turbo").name == "large-v3-turbo"
    assert catalogue.resolve("whisper-1").name == "tiny"
    for name in ("large-v3", "large", "demo", "whisper-large-v3", "Systran/faster-whisper-large-v3"):
        with pytest.raises(UnknownModel, match="use one of tiny, large-v3-turbo, turbo, ours"):
            catalogue.resolve(name)


def test_an_unknown_allowed_model_is_named() -> None:
    with pytest.raises(ValueError, match="ALLOWED_MODELS: there is no model 'gpt-9'"):
        restrict_models(Catalogue(), ["tiny", "gpt-9"])


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


@pytest.mark.parametrize("default", ["demo", "Demo"])
def test_the_pipeline_of_the_default_model_is_named(default: str) -> None:
    assert Catalogue(default=default).diarizer_name == "demo"
    assert Catalogue(default="tiny", diarizer="/models/secret/ours").diarizer_name == "ours"


def test_the_operators_aligner_wins_and_an_unknown_language_has_none() -> None:
    catalogue = Catalogue(aligners={"en": "owner/other", "cy": "/models/cy"})
    model = catalogue.resolve("large-v3")
    sources = [catalogue.aligner_source(model, language) for language in ("en", "cy", "de", "haw")]
    assert sources == ["owner/other", "/models/cy", "VOXPOPULI_ASR_BASE_10K_DE", None]


def test_models_for_english_say_so() -> None:
    specs = [Catalogue().resolve(name) for name in Catalogue().names]
    assert {spec.name for spec in specs if spec.abilities.english_only} == {
        "tiny.en",
        "base.en",
        "small.en",
        "medium.en",
        "distil-small.en",
        "distil-medium.en",
    }
    assert not any(spec.abilities.translates for spec in specs if spec.abilities.english_only)
    assert not Catalogue().resolve("turbo").abilities.translates
    assert Catalogue().resolve("large-v2").abilities.translates


def test_an_unknown_default_is_the_operators_fault_not_the_clients() -> None:
    catalogue = Catalogue(default="no-such-model")
    for name in (None, "whisper-1"):
        with pytest.raises(ModelUnavailable, match="PRELOAD_MODEL"):
            catalogue.resolve(name)
    assert catalogue.resolve("tiny").name == "tiny"
    assert catalogue.default_name is None


def test_what_the_operator_named_is_known_by_its_source() -> None:
    catalogue = Catalogue(
        extra_models={"mine": "/models/mine"}, aligners={"de": "owner/x"}, allowed=frozenset({"tiny", "mine"})
    )
    named = set(catalogue.named_sources)
    assert named == {"/models/mine", "owner/x", catalogue.diarizer, catalogue.resolve("tiny").source}
