"""What operators write becomes the value it means, or the start ends with a word about it."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.settings.schema import Settings, misspelt_names

FLOATS = [name for name, field in Settings.model_fields.items() if "float" in str(field.annotation)]
NUMBERS = [
    *FLOATS,
    *(name for name, field in Settings.model_fields.items() if "int" in str(field.annotation)),
]


def read(**chosen: object) -> Settings:
    return Settings(_env_file=None, **chosen)  # type: ignore[arg-type]


def test_the_numbers_are_found() -> None:
    assert {"max_file_size_mb", "queue_timeout", "diarize_clustering_threshold"} <= set(FLOATS)
    assert {"port", "batch_size"} <= set(NUMBERS)


@pytest.mark.parametrize("value", ["inf", "-inf", "nan", "Infinity", "1e400", "1e308", "-1", "many"])
def test_no_number_is_without_end(value: str) -> None:
    """What no clock, no disk and no thread can count is refused at start, not at the first request."""
    for name in NUMBERS:
        with pytest.raises(ValidationError, match=name):
            read(**{name: value})


def test_the_environment_is_read_like_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in any case, with blanks around them, as the options of a request."""
    for name, value in {"DEVICE": " CPU ", "LOG_LEVEL": "Info", "PRELOAD_DIARIZATION": " Off "}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COMPUTE_TYPE", "INT8")
    settings = Settings(_env_file=None)
    assert (settings.device, settings.log_level, settings.preload_diarization) == ("cpu", "info", False)
    assert settings.compute_type == "int8"


@pytest.mark.parametrize("name", ["QUEUE_TIMEOUT", "PRELOAD_MODEL", "COMPUTE_TYPE", "HF_TOKEN", "TEMP_DIR"])
def test_a_blank_value_counts_as_unset(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "  ")
    assert Settings(_env_file=None) == read()


def test_lists_are_read_once_without_blanks_and_empty_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXTRA_MODELS", " mine=/models/mine,, other=owner/repo ,")
    monkeypatch.setenv("API_KEY", "one, two,")
    settings = Settings(_env_file=None)
    assert settings.extra_models == ("mine=/models/mine", "other=owner/repo")
    assert [key.get_secret_value() for key in settings.api_key] == ["one", "two"]


@pytest.mark.parametrize("name", ["DIARIZE_CONCURRENTLY", "DIARIZE_BESIDE_TRANSCRIPTION"])
def test_a_setting_keeps_its_old_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment, where the new one may be empty, and in .env; neither counts as misspelt."""
    file = tmp_path / ".env"
    file.write_text(f"{name}=off\n")
    assert Settings(_env_file=file).diarize_concurrently == "off"
    assert misspelt_names(file, environment=()) == []
    monkeypatch.setenv("DIARIZE_CONCURRENTLY", "")
    monkeypatch.setenv(name, "On")
    assert Settings(_env_file=None).diarize_concurrently == "on"


def test_a_key_never_shows() -> None:
    assert "hidden" not in repr(read(api_key="hidden,hidden-too", hf_token="hidden"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://Notes.Example/", ("https://notes.example",)),
        ("https://a.example:443,http://b:8080", ("https://a.example", "http://b:8080")),
        ("http://[::1]:3000", ("http://[::1]:3000",)),
        ("*", ("*",)),
        ("tauri://localhost, null", ("tauri://localhost", "null")),
    ],
)
def test_origins_are_kept_as_browsers_send_them(written: str, meant: tuple[str, ...]) -> None:
    assert read(cors_origins=written).cors_origins == meant


@pytest.mark.parametrize(
    "written",
    ["notes.example", "https://", "https://a/b", "https://a?b", "https://user:s3cret@a", "https://a:port",
     "https://*.example", "https://a https://b"],
)  # fmt: skip
def test_what_no_browser_sends_as_an_origin_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="cors_origins") as refused:
        read(cors_origins=written)
    assert "scheme://host" in refused.value.errors()[0]["msg"]
    assert "s3cret" not in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.0.0.0/8, ::1", ("10.0.0.0/8", "::1")),
        ("*", ("*",)),
        ("10.0.0.1,*", ("*",)),
    ],
)
def test_proxies_are_addresses_and_networks(written: str, meant: tuple[str, ...]) -> None:
    assert read(forwarded_allow_ips=written).forwarded_allow_ips == meant


@pytest.mark.parametrize("written", ["proxy.lan", "10.0.0.5/8", "10.0.0.0/99", "10.0.0"])
def test_a_proxy_that_could_never_match_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="forwarded_allow_ips"):
        read(forwarded_allow_ips=written)


@pytest.mark.parametrize("written", ["mirror.lan", "ftp://mirror.lan", "https://", "https://user:s3cret@"])
def test_the_hub_has_a_web_address(written: str) -> None:
    with pytest.raises(ValidationError, match="hf_endpoint") as refused:
        read(hf_endpoint=written)
    assert "s3cret" not in refused.value.errors()[0]["msg"]


def test_a_file_from_windows_is_read_whole(tmp_path: Path) -> None:
    """Some editors put a mark before the first name; it is no part of it."""
    path = tmp_path / "settings.env"
    path.write_bytes(b"\xef\xbb\xbfMAX_QUEUE_SIZE=7\r\nLOG_LEVEL=debug\r\n")
    settings = Settings(_env_file=path)
    assert (settings.max_queue_size, settings.log_level) == (7, "debug")
