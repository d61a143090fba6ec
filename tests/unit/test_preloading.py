"""What is loaded at start, and what the settings leave out."""

import pytest

from app.assembly import build_catalogue, build_engine_room, preloaded_language, preloaded_parts
from app.catalogue import Catalogue
from app.devices import ImplausibleSettings
from app.errors import ModelUnavailable
from app.prefetch import prefetch
from app.settings import Settings


@pytest.mark.parametrize(
    ("chosen", "stages"),
    [
        ({}, ["transcription", "alignment", "diarization"]),
        ({"preload_language": "none"}, ["transcription", "diarization"]),
        ({"preload_diarization": False}, ["transcription", "alignment"]),
        ({"preload_model": "none"}, []),
    ],
)
def test_each_setting_leaves_out_its_part(chosen: dict[str, object], stages: list[str]) -> None:
    settings = Settings(_env_file=None, device="cpu", **chosen)  # type: ignore[arg-type]
    room = build_engine_room(settings)
    parts = preloaded_parts(settings, room.catalogue, lambda: room.engines)
    assert [part.stage for part in parts] == stages
    assert [part.stage for part in parts if part.essential] == stages[:1]


def test_without_a_preloaded_model_the_default_is_the_published_one() -> None:
    room = build_engine_room(Settings(_env_file=None, device="cpu", preload_model="none"))
    assert room.catalogue.resolve().name == "large-v3"
    room.start()
    room.stop()
    assert room.readiness.report().status == "healthy"


def test_a_preloaded_language_without_an_aligner_says_which_setting_names_one() -> None:
    settings = Settings(_env_file=None, device="cpu", preload_language="haw")
    room = build_engine_room(settings)
    (aligner,) = [
        part
        for part in preloaded_parts(settings, Catalogue(), lambda: room.engines)
        if part.stage == "alignment"
    ]
    with pytest.raises(ModelUnavailable, match="ALIGN_MODELS=haw"):
        aligner.load()


def catalogue_of(**chosen: object) -> Catalogue:
    return build_catalogue(Settings(_env_file=None, device="cpu", **chosen))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "default"),
    [
        ({}, "large-v3"),
        ({"preload_model": "small"}, "small"),
        ({"preload_model": "none"}, "large-v3"),
        ({"preload_model": "None", "default_model": "Whisper-Tiny"}, "tiny"),
        ({"preload_model": "large-v3", "default_model": "small"}, "small"),
    ],
)
def test_the_default_model_need_not_be_the_preloaded_one(chosen: dict[str, object], default: str) -> None:
    assert catalogue_of(**chosen).resolve().name == default


def test_what_is_preloaded_is_the_preloaded_model_and_not_the_default() -> None:
    models = {"preload_model": "whisper-large", "default_model": "tiny", "extra_models": "large-v3=/no/where"}
    settings = Settings(_env_file=None, device="cpu", **models)  # type: ignore[arg-type]
    room = build_engine_room(settings)
    for part in preloaded_parts(settings, room.catalogue, lambda: room.engines)[:1]:
        with pytest.raises(ModelUnavailable, match="large-v3 is not available: its directory"):
            part.load()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"default_model": "gpt-9"}, "DEFAULT_MODEL: there is no model 'gpt-9'"),
        ({"allowed_models": "tiny,gpt-9"}, "ALLOWED_MODELS: there is no model 'gpt-9'"),
        ({"allowed_models": "tiny"}, "PRELOAD_MODEL: there is no model 'large-v3'; use one of ALLOWED"),
        ({"allowed_models": "tiny", "preload_model": "none"}, "'large-v3'; use one of ALLOWED_MODELS: tiny"),
        ({"allowed_models": "tiny", "preload_model": "tiny", "default_model": "small"}, "DEFAULT_MODEL: "),
        ({"allowed_languages": "en,klingon"}, "ALLOWED_LANGUAGES: 'klingon' is not a language"),
        ({"preload_language": "klingon"}, "PRELOAD_LANGUAGE: 'klingon' is not a language"),
        ({"preload_language": "fr", "allowed_languages": "en,de"}, "PRELOAD_LANGUAGE: 'fr' is not in "),
        ({"align_models": "klingon=owner/x"}, "ALIGN_MODELS: 'klingon' is not a language"),
        ({"align_models": "de=owner/x,German=owner/y"}, "ALIGN_MODELS: the language 'de' is given twice"),
    ],
)  # fmt: skip
def test_settings_that_name_what_is_not_there_end_the_start(chosen: dict[str, object], message: str) -> None:
    with pytest.raises(ImplausibleSettings, match=message):
        catalogue_of(**chosen)


def test_languages_of_settings_are_read_as_those_of_requests() -> None:
    catalogue = catalogue_of(
        align_models="DE=owner/x,French=owner/y,pt-BR=owner/z", allowed_languages="ENG, german"
    )
    assert catalogue.aligners == {"de": "owner/x", "fr": "owner/y", "pt": "owner/z"}
    assert catalogue.languages == ("en", "de")


@pytest.mark.parametrize(
    ("chosen", "language"),
    [
        ({"preload_language": "German"}, "de"),
        ({"preload_language": "NONE"}, None),
        ({"preload_language": "und"}, None),
        ({"allowed_languages": "de"}, None),
        ({"allowed_languages": "de,en"}, "en"),
    ],
)
def test_the_preloaded_language_is_read_as_one_of_a_request(
    chosen: dict[str, object], language: str | None
) -> None:
    settings = Settings(_env_file=None, device="cpu", **chosen)  # type: ignore[arg-type]
    assert preloaded_language(settings, build_catalogue(settings)) == language


def test_prefetch_reads_languages_as_requests_do(capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(_env_file=None, device="cpu")
    assert prefetch(settings, ["demo"], languages=["klingon"], diarization=False) == 2
    assert "--languages: 'klingon' is not a language" in capsys.readouterr().err


@pytest.mark.parametrize("setting", ["extra_models", "align_models", "diarization_model"])
def test_sources_that_make_no_sense_are_refused_at_start(setting: str) -> None:
    settings = Settings(_env_file=None, device="cpu", **{setting: "not a source"})  # type: ignore[arg-type]
    with pytest.raises(ImplausibleSettings, match=setting.upper()):
        build_engine_room(settings)
