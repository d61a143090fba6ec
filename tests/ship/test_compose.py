"""The compose files are valid, forward every setting, and agree with the image and with .env.example."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from app.serving import LAST_ANSWERS_SECONDS
from app.settings.schema import OLD_NAMES, Settings
from app.work.worker import LAST_PATIENCE_SECONDS
from tests.service import exit_status, free_port
from tests.wire import wait_until
from tools.docs.settings import COMPOSE_VARIABLES, FIXED_IN_IMAGE

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DEVELOPMENT = ROOT / "docker-compose.dev.yml"
CLUSTER = ROOT / "docker-compose.cluster.yml"
SCHEMA = json.loads(Path(__file__).with_name("compose_schema.json").read_text(encoding="utf-8"))
PROFILES = ["gpu", "cpu"]
LONGEST_STOP = Settings(_env_file=None).shutdown_grace_seconds + LAST_ANSWERS_SECONDS + LAST_PATIENCE_SECONDS
"""Seconds from SIGTERM to the end: accepted work, the last answers, threads that do not end."""
MARGIN = 10
"""Seconds for all else, on a busy machine."""


def load(path: Path) -> dict[str, Any]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def services() -> dict[str, Any]:
    found = load(COMPOSE)["services"]
    assert isinstance(found, dict)
    return found


def started_by(profile: str) -> list[str]:
    return [name for name, service in services().items() if profile in service.get("profiles", [profile])]


def forwarded(service: Mapping[str, Any]) -> set[str]:
    return set(service["environment"])


@pytest.mark.parametrize("path", [COMPOSE, DEVELOPMENT, CLUSTER], ids=lambda path: path.name)
def test_every_key_is_one_of_the_compose_specification(path: Path) -> None:
    jsonschema.validate(load(path), SCHEMA)


@pytest.mark.parametrize("mistake", ["healthchek", "environmnt"])
def test_the_schema_refuses_a_key_that_compose_does_not_know(mistake: str) -> None:
    """A check that lets everything through would be worth nothing."""
    content = load(COMPOSE)
    content["services"]["whisperx-asr"][mistake] = {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, SCHEMA)


def compose_command() -> list[str]:
    plugin = (
        subprocess.run(["docker", "compose", "version"], capture_output=True)
        if shutil.which("docker")
        else None
    )
    if plugin is not None and plugin.returncode == 0:
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    pytest.skip("neither the docker compose plugin nor docker-compose is installed")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("files", [[COMPOSE], [COMPOSE, DEVELOPMENT]], ids=["alone", "development"])
def test_docker_compose_accepts_the_files(profile: str, files: list[Path], tmp_path: Path) -> None:
    chosen = [argument for file in files for argument in ("-f", str(file))]
    options = ["--project-directory", str(tmp_path), "--profile", profile]
    command = [*compose_command(), *chosen, *options, "config"]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert checked.returncode == 0, checked.stderr
    assert set(started_by(profile)) <= set(yaml.safe_load(checked.stdout)["services"])


@pytest.mark.parametrize("name", services())
def test_every_setting_is_forwarded_and_nothing_else(name: str) -> None:
    """A setting that compose does not know, or a variable that the service does not, fails here."""
    settings = {field.upper() for field in (*Settings.model_fields, *OLD_NAMES)}
    assert forwarded(services()[name]) | set(FIXED_IN_IMAGE) == settings
    assert not forwarded(services()[name]) & set(FIXED_IN_IMAGE)


def test_unset_settings_stay_unset() -> None:
    """A name without a value is left out when unset: no empty string can replace a default."""
    assert all(value is None for value in services()["whisperx-asr"]["environment"].values())
    on_cpu = services()["whisperx-asr-cpu"]["environment"]
    assert {name: value for name, value in on_cpu.items() if value is not None} == {"DEVICE": "cpu"}


def test_variables_of_the_file_are_documented() -> None:
    """Every ${NAME} of the compose files has its line in .env.example."""
    used = set(re.findall(r"\$\{([A-Z_]+)", COMPOSE.read_text("utf-8") + DEVELOPMENT.read_text("utf-8")))
    assert used == (set(COMPOSE_VARIABLES) | {"PORT"}) - {"COMPOSE_PROFILES"}


def test_one_profile_starts_one_service() -> None:
    """gpu and cpu never fight for the port; .env.example chooses one."""
    assert [started_by(profile) for profile in PROFILES] == [["whisperx-asr"], ["whisperx-asr-cpu"]]
    assert COMPOSE_VARIABLES["COMPOSE_PROFILES"][0] in PROFILES


def test_only_the_gpu_service_asks_for_a_gpu() -> None:
    devices = services()["whisperx-asr"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}]
    assert "deploy" not in services()["whisperx-asr-cpu"]


@pytest.mark.parametrize("name", services())
def test_services_start_again_rotate_logs_and_keep_models(name: str) -> None:
    service = services()[name]
    assert service["restart"] == "unless-stopped"
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert service["volumes"] == ["whisperx-cache:/.cache"]
    assert load(COMPOSE)["volumes"] == {"whisperx-cache": {"name": "whisperx-cache"}}
    assert service["ports"] == ["${PORT:-9000}:9000"]


@pytest.mark.parametrize("name", services())
def test_accepted_work_is_finished_before_docker_kills_the_process(name: str) -> None:
    assert int(services()[name]["stop_grace_period"].removesuffix("s")) >= LONGEST_STOP + MARGIN


def test_the_command_with_docker_run_gives_as_much_time() -> None:
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    (timeout,) = re.findall(r"--stop-timeout (\d+)", text)
    assert int(timeout) >= LONGEST_STOP + MARGIN


@pytest.mark.parametrize("name", services())
def test_the_command_with_docker_run_gives_no_more_rights(name: str) -> None:
    """Neither way is the careless one."""
    text = (ROOT / "docs" / "install.md").read_text(encoding="utf-8").split("## docker run")[1]
    service = services()[name]
    assert service["read_only"] is True
    assert "--read-only --tmpfs /tmp " in text
    assert f"--cap-drop {service['cap_drop'][0]} " in text
    assert f"--security-opt {service['security_opt'][0].removesuffix(':true')} " in text


@pytest.mark.parametrize("name", load(DEVELOPMENT)["services"])
def test_development_mounts_the_code_and_reloads(name: str) -> None:
    service = load(DEVELOPMENT)["services"][name]
    assert name in services()
    assert service["volumes"] == ["./app:/srv/app:ro"]
    assert "--reload" in service["entrypoint"]


def test_the_command_of_development_serves(tmp_path: Path) -> None:
    """As it stands in the file, but for the place of the code and the port."""
    entry = load(DEVELOPMENT)["services"]["whisperx-asr-cpu"]["entrypoint"]
    port = free_port()
    changed = {"python": sys.executable, "0.0.0.0": "127.0.0.1", "9000": str(port), "/srv/app": "app"}
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "PRELOAD_MODEL": "none",
        "DEVICE": "cpu",
        "HF_HUB_OFFLINE": "1",
        "TEMP_DIR": str(tmp_path),
        "CACHE_DIR": str(tmp_path),
    }
    log_path = tmp_path / "log"
    with log_path.open("wb") as log:
        command = [changed.get(word, word) for word in entry]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_served(port), seconds=60)
    finally:
        process.terminate()
        assert exit_status(process, log_path, 30) == 0


def is_served(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).json()["device"] == "cpu"
    except httpx.TransportError:
        return False
