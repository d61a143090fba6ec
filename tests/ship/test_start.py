"""A start that cannot succeed ends at once with status 2 and a sentence that says what to change."""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.__main__ import BAD_SETTINGS, main
from app.errors import InvalidSettings
from app.settings.schema import Settings, misspelt_names
from app.settings.start_checks import check_address, check_cache, check_processor
from tests.service import ROOT

REFUSED = [
    ({"MAX_DURATION_MINUTES": "inf"}, "MAX_DURATION_MINUTES=inf: "),
    ({"MAX_FILE_SIZE_MB": "nan"}, "MAX_FILE_SIZE_MB=nan: "),
    ({"DEVICE": "tpu"}, "DEVICE=tpu: Input should be 'auto', 'cuda' or 'cpu'"),
    ({"COMPUTE_TYPE": "float12"}, "COMPUTE_TYPE=float12 "),
    ({"PORT": "70000"}, "PORT=70000: "),
    ({"HOST": "nowhere.invalid"}, "HOST=nowhere.invalid is no address of this machine"),
    ({"HOST": "192.0.2.1"}, "HOST=192.0.2.1 is no address of this machine"),
    ({"API_KEY": " , "}, "API_KEY: is set but holds no key"),
    ({"EXTRA_MODELS": "mine"}, "EXTRA_MODELS: 'mine' is not name=source"),
    ({"ALIGN_MODELS": "de=nowhere"}, "ALIGN_MODELS: 'de=nowhere' is not name=source"),
    ({"ALIGN_MODELS": "klingon=a/b"}, "ALIGN_MODELS: 'klingon' is not a language"),
    ({"ALLOWED_MODELS": "tiny,gpt-9"}, "ALLOWED_MODELS: there is no model 'gpt-9'"),
    ({"ALLOWED_LANGUAGES": "en,klingon"}, "ALLOWED_LANGUAGES: 'klingon' is not a language"),
    ({"DEFAULT_MODEL": "gpt-9"}, "DEFAULT_MODEL: there is no model 'gpt-9'"),
    ({"PRELOAD_LANGUAGE": "klingon"}, "PRELOAD_LANGUAGE: 'klingon' is not a language"),
    ({"DIARIZATION_MODEL": "nowhere"}, "DIARIZATION_MODEL: "),
    ({"CORS_ORIGINS": "notes.example"}, "CORS_ORIGINS: an entry is no web origin; write scheme://host"),
    ({"FORWARDED_ALLOW_IPS": "proxy"}, "FORWARDED_ALLOW_IPS: 'proxy' is neither an IP address nor a network"),
    ({"HF_ENDPOINT": "https://user:s3cret@"}, "HF_ENDPOINT: is no web address"),
    ({"PATH": "/nowhere"}, "no ffmpeg"),
]


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory with neither settings in the environment nor a .env."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in {"HOST": "127.0.0.1", "PORT": "0", "DEVICE": "cpu", "HF_HUB_OFFLINE": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))  # a start brings its own
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """Try to serve; return the one message of a start that ends with status 2."""
    assert main(["serve"]) == BAD_SETTINGS
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "s3cret" not in said
    return said


@pytest.mark.parametrize(("chosen", "message"), REFUSED, ids=[next(iter(chosen)) for chosen, _ in REFUSED])
def test_what_cannot_work_ends_the_start_with_a_word_about_it(
    chosen: dict[str, str],
    message: str,
    alone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    if "PATH" in chosen:  # and no ffmpeg of a wheel either
        monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    assert refused(capsys).startswith(message)


@pytest.mark.parametrize("setting", ["TEMP_DIR", "CACHE_DIR"])
def test_a_directory_that_cannot_be_written_is_named_with_the_user(
    setting: str, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (alone / "file").touch()
    monkeypatch.setenv(setting, str(alone / "file" / "below"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    said = refused(capsys)
    assert said.startswith(f"{setting}={alone / 'file' / 'below'} cannot be written by uid {os.getuid()}")
    assert "chown" in said


def test_offline_models_may_lie_on_a_read_only_disk(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    check_cache(tmp_path / "file" / "below", offline=True)


@pytest.mark.parametrize("text", ["#!/bin/sh\nexit 127\n", "#!/nowhere\n", "no program"])
def test_an_ffmpeg_that_does_not_run_is_named(
    text: str, alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    program = alone / "ffmpeg"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(alone))
    assert refused(capsys).startswith(f"{program}, the first ffmpeg on PATH, does not run")


def test_a_port_in_use_is_named(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        assert refused(capsys).startswith(f"PORT={port} is in use on 127.0.0.1")


def test_a_port_that_was_in_use_a_moment_ago_is_free() -> None:
    """Connections of the process before may still be closing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            pass
    check_address("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "localhost"])
def test_addresses_of_this_machine_are_fine(host: str) -> None:
    check_address(host, 0)


def test_every_mistake_has_a_line_of_its_own(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    assert main(["serve"]) == BAD_SETTINGS
    assert [line.partition("=")[0] for line in capsys.readouterr().err.splitlines()] == ["PORT", "LOG_LEVEL"]


@pytest.mark.parametrize("number", ["70000", "-1", "many"])
def test_a_port_of_the_command_line_is_checked_too(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", number])
    assert ended.value.code == BAD_SETTINGS
    assert "--port" in capsys.readouterr().err


def test_a_env_file_that_is_no_text_is_named(alone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (alone / ".env").write_bytes("DEVICE=cpu\n".encode("utf-16"))
    assert refused(capsys).startswith(".env is not UTF-8")


def test_prefetch_refuses_the_same_mistakes(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUEUE_TIMEOUT", "inf")
    assert main(["prefetch", "tiny"]) == BAD_SETTINGS
    assert capsys.readouterr().err.startswith("QUEUE_TIMEOUT=inf: ")


def test_no_traceback_reaches_the_operator(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TEMP_DIR": str(tmp_path / "file" / "below")}
    command = [sys.executable, "-m", "app", "serve", "--port", "0"]
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ended.returncode == BAD_SETTINGS
    assert ended.stderr.startswith("TEMP_DIR=")
    assert "Traceback" not in ended.stderr


def test_misspelt_lines_of_a_env_file_are_named_with_what_was_meant(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("MAX_QUEU_SIZE=4\nWHATEVER=1\nqueue_timeout=5\nCOMPOSE_PROFILES=gpu\nHF_HOME=/x\n")
    assert misspelt_names(path, ["PATH"]) == [
        "MAX_QUEU_SIZE in .env is no setting and does nothing; did you mean MAX_QUEUE_SIZE?",
        "WHATEVER in .env is no setting and does nothing",
    ]


def test_every_line_of_the_example_is_known() -> None:
    assert misspelt_names(ROOT / ".env.example", []) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MAX_QUEU_SIZE", "MAX_QUEUE_SIZE"),
        ("API_KEYS", "API_KEY"),
        ("PRELOAD_MODLE", "PRELOAD_MODEL"),
        ("SHUTDOWN_GRACE_SECOND", "SHUTDOWN_GRACE_SECONDS"),
    ],
)
def test_a_variable_that_is_almost_a_setting_is_named(name: str, meant: str) -> None:
    (said,) = misspelt_names(ROOT / "no.env", [name])
    assert said == f"the variable {name} is no setting and does nothing; did you mean {meant}?"


@pytest.mark.parametrize(
    "name",
    ["HOSTNAME", "KUBERNETES_PORT", "WHISPERX_SERVICE_PORT", "HF_HUB_CACHE", "TMPDIR", "PYTHONPATH",
     "NVIDIA_VISIBLE_DEVICES", "VIRTUAL_ENV", "LC_ALL", "GPG_KEY", "XDG_CACHE_HOME", "device"],
)  # fmt: skip
def test_variables_of_other_programs_are_nobodys_business(name: str) -> None:
    assert misspelt_names(ROOT / "no.env", [name]) == []


def test_a_misspelt_name_is_told_at_the_start(
    alone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAX_QUEU_SIZE", "4")
    monkeypatch.setenv("HOST", "192.0.2.1")
    assert main(["serve"]) == BAD_SETTINGS
    assert capsys.readouterr().err.splitlines()[0].endswith("did you mean MAX_QUEUE_SIZE?")
    monkeypatch.setenv("LOG_FORMAT", "json")
    assert main(["serve"]) == BAD_SETTINGS
    assert json.loads(capsys.readouterr().err.splitlines()[0])["level"] == "warning"


OLD = "processor\t: 0\nflags\t\t: fpu vme sse sse2 ssse3 sse4_1 sse4_2 popcnt\nbugs\t\t: avx\n"
NEW = "processor\t: 0\nflags\t\t: fpu vme sse sse2 ssse3 sse4_1 sse4_2 popcnt avx avx2\n"


def test_a_processor_without_avx_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(OLD)
    with pytest.raises(InvalidSettings, match="this processor has no AVX instructions") as refused:
        check_processor(tmp_path / "cpuinfo", "x86_64")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "machine"), [(NEW, "x86_64"), (OLD, "aarch64"), ("Features: asimd", "x86_64"), (None, "x86_64")]
)
def test_any_other_processor_is_fine(text: str | None, machine: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    check_processor(tmp_path / "cpuinfo", machine)


def test_the_processor_is_looked_at_before_a_library_is_imported() -> None:
    """numpy alone ends a process on such a processor."""
    script = "import app.__main__, sys; print(sorted({'numpy', 'torch', 'ctranslate2'} & set(sys.modules)))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
