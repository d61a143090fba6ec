"""The pages cannot lie: their commands are run, here or by a test that is named, or say why they are not."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from app.audio.ffmpeg_binary import find_ffmpeg
from tests.docs.commands_of_pages import Command, commands, of_kind
from tests.service import ROOT, Service

SAMPLE_SECONDS = 12
"""Enough for three voices; the whole meeting would only take longer."""
ADDRESS = "http://localhost:9000"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory, meeting: Path) -> Path:
    """Where a reader would stand: the repository's sample below it, curl told to fail on an error status."""
    directory = tmp_path_factory.mktemp("reader")
    sample = directory / "app" / "demo" / "meeting.flac"
    sample.parent.mkdir(parents=True)
    cut = ["-i", str(meeting), "-t", str(SAMPLE_SECONDS), str(sample)]
    subprocess.run([find_ffmpeg(), "-nostdin", "-loglevel", "error", *cut], check=True)
    (directory / "meeting.flac").write_bytes(sample.read_bytes())
    (directory / ".curlrc").write_text("silent\nshow-error\n", encoding="utf-8")
    (directory / "bin").mkdir()
    (directory / "bin" / "ffmpeg").symlink_to(find_ffmpeg())
    return directory


def run(command: Command, service: Service, directory: Path) -> "subprocess.CompletedProcess[str]":
    refused = command.marker is not None and bool(command.marker["refused"])
    curl = "curl --fail-with-body" if not refused else "curl --write-out '\\nstatus %{http_code}'"
    script = command.script.replace(ADDRESS, service.url).replace("curl ", f"{curl} ")
    environment = {
        "PATH": f"{directory / 'bin'}:{os.environ['PATH']}",
        "CURL_HOME": str(directory),
        "API_KEY": "any",
    }
    shell = ["bash", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(
        shell, cwd=directory, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.parametrize("command", of_kind("live"), ids=str)
def test_command_works_on_a_running_service(command: Command, live_service: Service, directory: Path) -> None:
    """Exit status 0, and the words that the comment above the command promises."""
    if subprocess.run(["which", "curl"], capture_output=True, check=False).returncode != 0:
        pytest.skip("curl is not installed")
    done = run(command, live_service, directory)
    assert done.returncode == 0, f"{command.script}\n{done.stdout}\n{done.stderr}"
    assert command.marker is not None
    assert (command.marker["printed"] or "") in done.stdout, done.stdout[:2000]
    if command.marker["refused"]:
        assert command.marker["refused"].removeprefix(", ") in done.stdout


def test_every_command_is_run_or_says_why_not() -> None:
    unmarked = [f"{command}: {command.script.strip()}" for command in of_kind("unmarked")]
    assert not unmarked, "put a comment above: run: live, run by: ..., or not run here: ..."


def test_every_curl_to_the_service_is_run() -> None:
    """Only what needs Docker, a hub, a GPU or hours may be left out."""
    assert all("curl" not in command.script for command in of_kind("not run here"))
    assert sum("curl" in command.script for command in of_kind("live")) >= 12


@pytest.mark.parametrize("command", of_kind("run by"), ids=str)
def test_the_named_runner_exists(command: Command) -> None:
    assert command.marker is not None
    runner = command.marker["runner"]
    if runner.startswith("make "):
        makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
        assert re.search(rf"^{re.escape(runner.removeprefix('make '))}:", makefile, re.MULTILINE)
        return
    path, _, test = runner.partition("::")
    source = (ROOT / path).read_text(encoding="utf-8")
    assert f"def {test}(" in source if test else source


def test_make_targets_and_files_exist() -> None:
    """Every `make X` of a page is a target, every file it names is there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in commands():
        for target in re.findall(r"\bmake ([a-z-]+)", command.script):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{command}: {target}"
        for name in re.findall(r"(?<=-f )\S+\.yml", command.script):
            assert (ROOT / name).exists(), f"{command}: {name}"
