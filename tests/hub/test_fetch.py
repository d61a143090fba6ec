"""Models are downloaded once, downloads go on where they stopped, and a failure says what to do about it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engines.fetch import ModelFetcher
from app.engines.hub_client import HubClient
from app.engines.model_files import (
    ALIGNER_FILES,
    DIARIZER_FILES,
    WHISPER_FILES,
    ModelFiles,
    remove_damaged_files,
)
from app.engines.torch_files import download_file
from app.errors import ModelUnavailable
from tests.hub.local_hub import LocalHub, Repository, local_hub

DEMO = Path(__file__).parents[2] / "app" / "demo"
WHISPER = "Systran/faster-whisper-tiny"
ALIGNER = "facebook/wav2vec2-base-960h"
DIARIZER = "pyannote/speaker-diarization-community-1"


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with local_hub() as running:
        running.repositories = {
            WHISPER: Repository(DEMO / "whisper", extra={"README.md": b"hello", ".gitattributes": b"x"}),
            ALIGNER: Repository(DEMO / "aligner", extra={"pytorch_model.bin": b"the same again"}),
            DIARIZER: Repository(DEMO / "diarization", extra={"README.md": b"hello"}, gated=True),
        }
        yield running


LARGE_FILE = bytes(range(251)) * (28 * 1024 * 1024 // 251)
KEPT_BYTES = 10 * 1024 * 1024
"""The library writes in pieces of this size; of a download that breaks off half-way, one is kept."""


def large_whisper(cuts_left: int) -> Repository:
    return Repository(
        DEMO / "whisper",
        extra={"model.bin": LARGE_FILE},
        hidden=frozenset({"model.bin"}),
        cuts_left=cuts_left,
    )


def fetcher(
    hub: LocalHub | str, cache: Path, *, token: str | None = None, offline: bool = False
) -> ModelFetcher:
    endpoint = hub if isinstance(hub, str) else hub.endpoint
    return ModelFetcher(cache, HubClient(endpoint, token, show_progress=False), offline=offline)


def refusal(fetch: ModelFetcher, repository: str = WHISPER, files: ModelFiles = WHISPER_FILES) -> str:
    """Return the sentence with which fetching fails; it must come within five seconds."""
    started = time.monotonic()
    with pytest.raises(ModelUnavailable) as refused:
        fetch.fetch("tiny", repository, files)
    assert time.monotonic() - started < 5
    assert "\n" not in refused.value.reason
    return refused.value.reason


def same_content(directory: Path, original: Path) -> bool:
    fetched = {path.relative_to(directory): path for path in directory.rglob("*") if path.is_file()}
    return all(path.read_bytes() == (original / name).read_bytes() for name, path in fetched.items())


@pytest.mark.parametrize(
    ("repository", "files", "original", "place"),
    [
        (WHISPER, WHISPER_FILES, "whisper", "models--Systran--faster-whisper-tiny"),
        (ALIGNER, ALIGNER_FILES, "aligner", "models--facebook--wav2vec2-base-960h"),
        (DIARIZER, DIARIZER_FILES, "diarization", "hub/models--pyannote--speaker-diarization-community-1"),
    ],
)
def test_a_model_comes_whole_to_its_published_place(
    hub: LocalHub, tmp_path: Path, repository: str, files: ModelFiles, original: str, place: str
) -> None:
    directory = fetcher(hub, tmp_path, token="hf_permitted").fetch("x", repository, files)
    assert directory.is_relative_to(tmp_path / place / "snapshots")
    assert same_content(directory, DEMO / original)
    names = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    assert not names & {"README.md", ".gitattributes", "pytorch_model.bin"}
    assert {request.token for request in hub.requests} == {"hf_permitted"}


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("token", [None, "hf_other"])
def test_what_is_on_disk_asks_nobody(hub: LocalHub, tmp_path: Path, token: str | None, offline: bool) -> None:
    first = fetcher(hub, tmp_path, token="hf_permitted").fetch("x", DIARIZER, DIARIZER_FILES)
    hub.requests.clear()
    again = fetcher(hub, tmp_path, token=token, offline=offline).fetch("x", DIARIZER, DIARIZER_FILES)
    assert again == first
    assert hub.requests == []


def test_offline_and_not_on_disk_says_how_to_get_it(hub: LocalHub, tmp_path: Path) -> None:
    reason = refusal(fetcher(hub, tmp_path, offline=True))
    assert "HF_HUB_OFFLINE" in reason
    assert "prefetch" in reason
    assert hub.requests == []


def test_no_token_for_a_gated_model_names_the_page_and_the_variable(hub: LocalHub, tmp_path: Path) -> None:
    reason = refusal(fetcher(hub, tmp_path), DIARIZER, DIARIZER_FILES)
    assert f"{hub.endpoint}/{DIARIZER}" in reason
    assert "HF_TOKEN" in reason


def test_a_token_without_permission_names_the_page(hub: LocalHub, tmp_path: Path) -> None:
    reason = refusal(fetcher(hub, tmp_path, token="hf_stranger"), DIARIZER, DIARIZER_FILES)
    assert "accept" in reason
    assert f"{hub.endpoint}/{DIARIZER}" in reason
    assert "hf_stranger" not in reason


@pytest.mark.parametrize("token", [None, "hf_permitted"])
def test_a_repository_that_does_not_exist_is_named(hub: LocalHub, tmp_path: Path, token: str | None) -> None:
    reason = refusal(fetcher(hub, tmp_path, token=token), "nobody/nothing")
    assert "nobody/nothing" in reason
    assert "does not exist" in reason


def test_a_repository_of_another_kind_is_told_apart(hub: LocalHub, tmp_path: Path) -> None:
    reason = refusal(fetcher(hub, tmp_path), ALIGNER, WHISPER_FILES)
    assert "lacks model.bin" in reason


def test_no_network_is_one_sentence(tmp_path: Path) -> None:
    reason = refusal(fetcher("http://127.0.0.1:9", tmp_path))
    assert "cannot be reached" in reason
    assert "prefetch" in reason


def test_a_hub_that_never_answers_is_not_waited_for(hub: LocalHub, tmp_path: Path) -> None:
    hub.silent = True
    assert "cannot be reached" in refusal(fetcher(hub, tmp_path))


def test_a_slow_hub_is_waited_for(hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[WHISPER].seconds_per_chunk = 0.02
    directory = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    assert same_content(directory, DEMO / "whisper")


def test_a_download_that_breaks_off_goes_on_where_it_stopped(hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[WHISPER] = large_whisper(cuts_left=1)
    directory = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    assert (directory / "model.bin").read_bytes() == LARGE_FILE
    assert [request.range for request in hub.requests if request.range] == [f"bytes={KEPT_BYTES}-"]


def test_a_download_that_was_given_up_goes_on_at_the_next_start(hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[WHISPER] = large_whisper(cuts_left=1000)
    with pytest.raises(ModelUnavailable, match="cannot be reached"):
        fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    assert fetcher(hub, tmp_path).find_on_disk(WHISPER, WHISPER_FILES) is None
    hub.repositories[WHISPER].cuts_left = 0
    hub.requests.clear()
    directory = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    assert (directory / "model.bin").read_bytes() == LARGE_FILE
    assert any(request.range for request in hub.requests)


def test_a_file_of_the_wrong_size_is_named_and_fetched_anew(hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[WHISPER].announced_extra_bytes = 7
    reason = refusal(fetcher(hub, tmp_path))
    assert "model.bin" in reason
    hub.repositories[WHISPER].announced_extra_bytes = 0
    assert same_content(fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES), DEMO / "whisper")


def test_damage_on_disk_is_found_named_and_repaired(hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[WHISPER].damaged = True
    directory = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    hub.repositories[WHISPER].damaged = False
    assert remove_damaged_files(directory) == ["model.bin"]
    assert remove_damaged_files(directory) == []
    assert same_content(fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES), DEMO / "whisper")


def test_an_unfinished_download_of_another_program_is_completed(hub: LocalHub, tmp_path: Path) -> None:
    directory = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    optional = directory / "preprocessor_config.json"
    optional.resolve().rename(optional.resolve().with_suffix(".incomplete"))
    optional.unlink()
    assert fetcher(hub, tmp_path, offline=True).fetch("x", WHISPER, WHISPER_FILES) == directory
    assert not optional.exists()
    assert fetcher("http://127.0.0.1:9", tmp_path).fetch("x", WHISPER, WHISPER_FILES) == directory
    assert fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES) == directory
    assert optional.exists()


def test_a_directory_is_used_as_it_is(hub: LocalHub, tmp_path: Path) -> None:
    assert fetcher(hub, tmp_path).fetch("x", str(DEMO / "whisper"), WHISPER_FILES) == DEMO / "whisper"
    assert hub.requests == []


def test_a_directory_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    copy = shutil.copytree(DEMO / "diarization", tmp_path / "copy")
    shutil.rmtree(copy / "plda")
    assert "lacks plda" in refusal(fetcher("http://127.0.0.1:9", tmp_path), str(copy), DIARIZER_FILES)
    missing = refusal(fetcher("http://127.0.0.1:9", tmp_path), str(tmp_path / "none"), DIARIZER_FILES)
    assert "does not exist" in missing
    assert str(tmp_path) not in missing


def test_a_pipeline_made_of_other_repositories_is_refused_by_name(tmp_path: Path) -> None:
    copy = shutil.copytree(DEMO / "diarization", tmp_path / "copy")
    config = (copy / "config.yaml").read_text().replace("$model/segmentation", "pyannote/segmentation-3.0")
    (copy / "config.yaml").write_text(config)
    reason = refusal(fetcher("http://127.0.0.1:9", tmp_path), str(copy), DIARIZER_FILES)
    assert "pyannote/segmentation-3.0" in reason
    assert "DIARIZATION_MODEL" in reason


def test_a_plain_file_is_downloaded_in_pieces_if_need_be(hub: LocalHub, tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    hub.plain_files["/weights.pth"] = content
    hub.cuts_left = 2
    target = tmp_path / "cache" / "weights.pth"
    download_file(f"{hub.endpoint}/weights.pth", target)
    assert target.read_bytes() == content
    assert [request.range for request in hub.requests] == [None, "bytes=524288-", "bytes=786432-"]
    assert list(target.parent.iterdir()) == [target]
