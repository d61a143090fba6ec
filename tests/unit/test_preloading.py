"""What is loaded at start, and what the settings leave out."""

import pytest

from app.assembly import build_engine_room, preloaded_parts
from app.catalogue import Catalogue
from app.devices import ImplausibleSettings
from app.errors import ModelUnavailable
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


@pytest.mark.parametrize("setting", ["extra_models", "align_models", "diarization_model"])
def test_sources_that_make_no_sense_are_refused_at_start(setting: str) -> None:
    settings = Settings(_env_file=None, device="cpu", **{setting: "not a source"})  # type: ignore[arg-type]
    with pytest.raises(ImplausibleSettings, match=setting.upper()):
        build_engine_room(settings)
