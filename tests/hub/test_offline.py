"""From an empty cache to a service without a network: prefetch through a hub, then no route to anywhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.__main__ import main
from tests.forked import start_forked
from tests.hub.isolated import PROBE
from tests.hub.local_hub import LocalHub, Repository, local_hub
from tests.service import INHERITED, ROOT

DEMO = ROOT / "app" / "demo"
NOT_ALLOWED = 77
ALIGNER = "someone/wav2vec2-english"


@dataclass(frozen=True)
class Prefetched:
    """A cache that `prefetch` filled, and what it said."""

    cache: Path
    output: str
    requests: int


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    """The bundle under the names of real models; the diarizer is gated as the real one is."""
    with local_hub() as running:
        running.repositories = {
            "Systran/faster-whisper-tiny": Repository(DEMO / "whisper"),
            ALIGNER: Repository(DEMO / "aligner"),
            "pyannote/speaker-diarization-community-1": Repository(DEMO / "diarization", gated=True),
        }
        yield running


def environment(cache: Path, settings: Mapping[str, str]) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    ours = {
        "DEVICE": "cpu",
        "CACHE_DIR": str(cache),
        "ALIGN_MODELS": f"en={ALIGNER}",
        "PRELOAD_MODEL": "tiny",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": str(ROOT),
    }
    return {**inherited, **ours, **settings}


def prefetch(cache: Path, settings: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "app", "prefetch", *arguments],
        cwd=cache.parent,
        env=environment(cache, settings),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def _prefetch_in_this_process(*arguments: str) -> int:
    return main(["prefetch", *arguments])


def forked_prefetch(cache: Path, settings: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """Do the same without the seconds of importing; return the exit status and what was printed."""
    log = cache / "printed.txt"
    process = start_forked(
        _prefetch_in_this_process,
        *arguments,
        environment=environment(cache, settings),
        directory=cache.parent,
        log=log,
    )
    return process.wait(280), log.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def prefetched(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> Prefetched:
    cache = tmp_path_factory.mktemp("cache")
    settings = {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": "hf_permitted"}
    done = prefetch(cache, settings, "tiny", "--languages", "en")
    assert done.returncode == 0, done.stdout + done.stderr
    return Prefetched(cache, done.stdout, len(hub.requests))


def test_prefetch_shows_what_lies_where(prefetched: Prefetched) -> None:
    for words in ("tiny", "Whisper", "aligner", "speaker-diarization-community-1", "MB"):
        assert words in prefetched.output
    assert "models--Systran--faster-whisper-tiny" in prefetched.output.replace("\n", "")
    assert prefetched.requests > 0


def test_prefetch_of_a_gated_model_without_a_token_fails_and_says_why(
    hub: LocalHub, prefetched: Prefetched, tmp_path: Path
) -> None:
    for name in ("models--Systran--faster-whisper-tiny", "models--someone--wav2vec2-english"):
        (tmp_path / name).symlink_to(prefetched.cache / name)
    status, printed = forked_prefetch(tmp_path, {"HF_ENDPOINT": hub.endpoint}, "tiny", "--languages", "en")
    assert status == 1
    assert "accept its terms" in printed
    assert "HF_TOKEN" in printed
    assert "Traceback" not in printed
    assert "failed" in printed


def test_prefetch_of_an_unknown_name_asks_nobody(hub: LocalHub, tmp_path: Path) -> None:
    hub.requests.clear()
    done = prefetch(tmp_path, {"HF_ENDPOINT": hub.endpoint}, "tinyy")
    assert done.returncode == 2
    assert "large-v3" in done.stderr
    assert hub.requests == []


@pytest.fixture(scope="module")
def offline(
    prefetched: Prefetched, opening: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What became of a request in a namespace without a network; no token, and nothing says "offline"."""
    directory = tmp_path_factory.mktemp("isolated")
    command = [sys.executable, str(Path(__file__).with_name("isolated.py")), str(opening), str(directory)]
    done = subprocess.run(
        command,
        env=environment(prefetched.cache, {"TEMP_DIR": str(directory / "uploads")}),
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    if done.returncode == NOT_ALLOWED:
        pytest.skip("a network namespace can be made by root only")
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def test_without_a_network_and_without_a_token_everything_works(offline: dict[str, Any]) -> None:
    assert offline["health"]["status"] == "healthy", offline["log"]
    assert offline["status"] == 200
    answer = offline["answer"]
    assert answer.get("warnings", []) == []
    assert len({segment.get("speaker") for segment in answer["segments"]}) >= 2
    timed = [word for word in answer["word_segments"] if "start" in word]
    assert len(timed) > 0.9 * len(answer["word_segments"]) > 0
    assert offline["exit_status"] == 0


def test_nothing_even_tries_to_reach_another_host(offline: dict[str, Any]) -> None:
    own = [f"socket.getaddrinfo {PROBE}", f"socket.connect {PROBE}"]
    assert offline["attempts"][:2] == own, "the guard sees nothing"
    assert offline["attempts"][2:] == []
