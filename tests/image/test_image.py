"""The built image does on a Docker engine what docs/install.md says: as uid 1000, read-only, offline."""

import json
import re
import subprocess
from difflib import SequenceMatcher
from pathlib import Path

import httpx
import pysubs2
import pytest

import app
from tests.image.conftest import Container, Engine, started

pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
MEETING = ROOT / "app" / "demo" / "meeting.flac"
TRUTH = json.loads(MEETING.with_suffix(".json").read_text("utf-8")) if MEETING.exists() else {"words": []}
ANSWER_SECONDS = 300


def ask(container: Container, **options: str) -> httpx.Response:
    with MEETING.open("rb") as file:
        return httpx.post(
            f"{container.url}/asr", params=options, files={"audio_file": file}, timeout=ANSWER_SECONDS
        )


def plain(word: str) -> str:
    return re.sub(r"\W", "", word.lower())


@pytest.fixture(scope="session")
def transcript(demo_container: Container) -> dict[str, list[dict[str, object]]]:
    answer = ask(demo_container)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert isinstance(body, dict)
    return body


def test_the_process_is_an_ordinary_user_on_a_read_only_root(demo_container: Container) -> None:
    uid = demo_container.engine.output("exec", demo_container.name, "id", "-u")
    assert uid == "1000"
    refused = demo_container.engine.run("exec", demo_container.name, "touch", "/srv/app/x", "/x")
    assert refused.returncode != 0
    demo_container.engine.output("exec", demo_container.name, "touch", "/.cache/x")


def test_the_meeting_comes_back_word_by_word(transcript: dict[str, list[dict[str, str]]]) -> None:
    """At least 90 of 100 words are the spoken ones, in their order."""
    spoken = [plain(word["word"]) for word in TRUTH["words"]]
    heard = [plain(word["word"]) for word in transcript["word_segments"]]
    same = sum(
        block.size for block in SequenceMatcher(None, spoken, heard, autojunk=False).get_matching_blocks()
    )
    assert same >= 0.9 * len(spoken)
    assert len(heard) <= 1.1 * len(spoken)


def test_words_have_times_inside_the_recording(transcript: dict[str, object]) -> None:
    words = transcript["word_segments"]
    assert isinstance(words, list)
    assert all(
        0 <= word["start"] <= word["end"] <= transcript["duration"] for word in words if "start" in word
    )
    assert sum("start" in word for word in words) >= 0.95 * len(words)


def test_the_speakers_are_as_many_as_spoke(transcript: dict[str, list[dict[str, str]]]) -> None:
    heard = {word["speaker"] for word in transcript["word_segments"] if "speaker" in word}
    assert len(heard) == len({word["speaker"] for word in TRUTH["words"]})


def test_subtitles_are_an_srt_file(demo_container: Container) -> None:
    answer = ask(demo_container, output_format="srt")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-subrip")
    cues = pysubs2.SSAFile.from_string(answer.text, format_="srt")
    assert len(cues) >= 5
    assert all(cue.start < cue.end for cue in cues)
    assert "[SPEAKER_00]: " in answer.text


def test_the_docs_page_and_the_version_are_there(demo_container: Container) -> None:
    assert httpx.get(f"{demo_container.url}/docs").status_code == 200
    assert httpx.get(f"{demo_container.url}/health").json()["version"] == app.__version__
    label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
    assert demo_container.inspect(label) == app.__version__


def test_a_filled_volume_needs_no_network(engine: Engine, volume: str, demo_container: Container) -> None:
    """The whole chain runs in a container whose only interface is its own loopback."""
    arguments = ["--network", "none", "--volume", f"{volume}:/.cache", "--env", "PRELOAD_MODEL=demo"]
    script = (
        "import requests; a = requests.post('http://127.0.0.1:9000/asr', timeout=300, "
        "files={'audio_file': open('/srv/app/demo/meeting.flac', 'rb')}); print(a.status_code, a.text)"
    )
    with started(engine, *arguments) as container:
        container.wait_for_health("healthy")
        status, _, body = engine.output(
            "exec", container.name, "python", "-c", script, timeout=300
        ).partition(" ")
    assert status == "200", body
    answer = json.loads(body)
    assert "warnings" not in answer
    assert all("speaker" in segment for segment in answer["segments"])


def test_any_other_uid_works_with_a_new_volume(engine: Engine) -> None:
    """A uid that the image does not know, of a group that it does not know either."""
    arguments = ["--user", "1234:5678", "--publish", "127.0.0.1::9000", "--env", "PRELOAD_MODEL=demo"]
    with started(engine, *arguments) as container:
        container.wait_for_health("healthy")
        assert engine.output("exec", container.name, "id", "-u") == "1234"
        answer = ask(container)
    assert answer.status_code == 200
    assert all("speaker" in segment for segment in answer.json()["segments"])


def test_a_directory_of_somebody_else_is_named_with_the_uid(engine: Engine) -> None:
    refused = engine.run("run", "--rm", "--user", "1234:5678", "--env", "CACHE_DIR=/root", engine.image)
    assert refused.returncode == 2
    assert refused.stderr.startswith("CACHE_DIR=/root cannot be written by uid 1234, gid 5678")


def test_sigterm_ends_the_service_with_0(engine: Engine, volume: str) -> None:
    with started(engine, "--volume", f"{volume}:/.cache", "--env", "PRELOAD_MODEL=demo") as container:
        container.wait_for_health("healthy")
        assert container.stop() == 0, container.logs


def test_a_model_that_cannot_be_loaded_makes_the_container_unhealthy(engine: Engine) -> None:
    """It stays up to say why: in /health and in the log."""
    with started(engine, "--env", "PRELOAD_MODEL=mine", "--env", "EXTRA_MODELS=mine=/none") as container:
        container.wait_for_health("unhealthy", seconds=90)
        probe = json.loads(container.inspect("{{json .State.Health.Log}}"))[-1]
        assert "/none" in container.logs
    assert probe["ExitCode"] == 1
    assert probe["Output"].startswith("503 ")


def test_the_image_holds_no_build_tools_and_no_caches(engine: Engine) -> None:
    script = (
        "for tool in gcc cc make pip pip3 uv git curl; do command -v $tool && exit 1; done; "
        "for path in /var/lib/apt/lists/* /tmp/* ~root/.cache /setup /torch /others; do "
        '[ -e "$path" ] && { echo "$path"; exit 1; }; done; exit 0'
    )
    found = engine.run("run", "--rm", "--entrypoint", "sh", engine.image, "-c", script)
    assert found.returncode == 0, found.stdout


def test_no_layer_remembers_a_secret(engine: Engine) -> None:
    configuration = engine.output("image", "inspect", engine.image)
    history = engine.output("history", "--no-trunc", engine.image)
    assert not re.search(r"hf_[A-Za-z0-9]{8,}|HF_TOKEN=|API_KEY=", configuration + history)


def test_prefetch_is_a_command_of_the_image(engine: Engine) -> None:
    shown = engine.output("run", "--rm", engine.image, "prefetch", "--help")
    assert "--languages" in shown


def test_the_cache_can_be_saved_and_brought_back(engine: Engine, volume: str) -> None:
    """The commands of docs/install.md: tar out of one volume, into another, which docker can then remove."""
    mount, shell = ["-v", f"{volume}:/.cache"], ["--entrypoint", "sh", engine.image, "-c"]
    engine.output("run", "--rm", *mount, *shell, "mkdir -p /.cache/hub && echo kept > /.cache/hub/file")
    other = f"{volume}-restored"
    tar = ["--entrypoint", "tar", engine.image, "-C", "/.cache"]
    save = [engine.program, "run", "--rm", *mount, *tar, "-czf", "-", "."]
    saved = subprocess.run(save, capture_output=True, check=True, timeout=120).stdout
    restore = [engine.program, "run", "--rm", "-i", "-v", f"{other}:/.cache", *tar, "-xzf", "-"]
    subprocess.run(restore, input=saved, check=True, timeout=120)
    show = ["--entrypoint", "cat", engine.image, "/.cache/hub/file"]
    assert engine.output("run", "--rm", "-v", f"{other}:/.cache", *show) == "kept"
    engine.output("volume", "rm", other)
