"""Models are downloaded once, downloads go on where they stopped, and a failure says what to do about it."""

import base64
import errno
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import requests

from app.engines.alignment.torchaudio_pipelines import pipeline_file
from app.engines.lending.loader import EngineLoader, EngineSettings
from app.engines.platform.device_plan import DevicePlan
from app.errors import ModelUnavailable
from app.models.damaged_files import DamagedFiles
from app.models.download_errors import NoRoom, broke_off, explain_download_failure
from app.models.fetcher import ModelFetcher
from app.models.hub_client import HubClient
from app.models.model_files import (
    ALIGNER_FILES,
    DIARIZER_FILES,
    WHISPER_FILES,
    ModelFiles,
    size_on_disk,
)
from app.models.model_spec import ModelSpec
from app.models.torchaudio_weights import download_file
from tests.hub.local_hub import LocalHub, Repository, local_hub

DEMO = Path(__file__).parents[2] / "app" / "demo"
WHISPER = "Systran/faster-whisper-tiny"
ALIGNER = "facebook/wav2vec2-base-960h"
DIARIZER = "pyannote/speaker-diarization-community-1"
CPU = DevicePlan("cpu", "cpu", "cpu", "int8", 2)


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
    return ModelFetcher(
        cache, HubClient(endpoint, token, show_progress=False), pipeline_file, offline=offline
    )


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


def test_what_arrives_damaged_is_named_and_fetched_anew(hub: LocalHub, tmp_path: Path) -> None:
    hub.repositories[WHISPER].damaged = True
    assert "model.bin of Systran/faster-whisper-tiny arrived damaged" in refusal(fetcher(hub, tmp_path))
    hub.repositories[WHISPER].damaged = False
    assert same_content(fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES), DEMO / "whisper")


SPEAKS_OF_A_FILE = RuntimeError("File model.bin is incomplete: failed to read a buffer of size 8")


def damage(snapshot: Path, name: str = "model.bin") -> Path:
    """Cut the file short; return where its bytes lie."""
    blob = (snapshot / name).resolve()
    blob.write_bytes(blob.read_bytes()[:-1])
    return blob


@pytest.mark.parametrize("linked", [False, True], ids=["CACHE_DIR", "CACHE_DIR is a link"])
def test_damage_on_disk_is_named_and_repaired(linked: bool, hub: LocalHub, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    if linked:
        (tmp_path / "disk").mkdir()
        cache.symlink_to(tmp_path / "disk")
    snapshot = fetcher(hub, cache).fetch("x", WHISPER, WHISPER_FILES)
    damage(snapshot)
    files = DamagedFiles(cache)
    assert files.removed_after(SPEAKS_OF_A_FILE, snapshot) == (
        "model.bin was damaged and has been removed; it will be fetched again"
    )
    assert files.removed_after(SPEAKS_OF_A_FILE, snapshot) is None
    assert same_content(fetcher(hub, cache).fetch("x", WHISPER, WHISPER_FILES), DEMO / "whisper")


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("CUDA driver version is insufficient for CUDA runtime version"),
        ValueError("Requested float16 compute type, but the target device does not support it"),
        RuntimeError("File tokenizer.json is not a valid tokenizer"),
        ImportError("libcublas.so.12: cannot open shared object file"),
    ],
    ids=str,
)
def test_an_error_that_does_not_speak_of_the_file_removes_nothing(
    failure: Exception, hub: LocalHub, tmp_path: Path
) -> None:
    blob = damage(snapshot := fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES))
    assert DamagedFiles(tmp_path).removed_after(failure, snapshot) is None
    assert blob.exists()


def foreign_folder(cache: Path, elsewhere: Path, snapshot: Path) -> None:
    shutil.move(snapshot.parents[1], elsewhere)
    snapshot.parents[1].symlink_to(elsewhere)


def foreign_snapshot(cache: Path, elsewhere: Path, snapshot: Path) -> None:
    model = elsewhere / "snapshots" / snapshot.name
    shutil.copytree(snapshot.parents[1] / "blobs", elsewhere / "blobs")
    model.mkdir(parents=True)
    for link in snapshot.iterdir():
        (model / link.name).symlink_to(elsewhere / "blobs" / link.resolve().name)
    shutil.rmtree(snapshot)
    snapshot.symlink_to(model)


def foreign_blobs(cache: Path, elsewhere: Path, snapshot: Path) -> None:
    blobs = snapshot.parents[1] / "blobs"
    shutil.move(blobs, elsewhere)
    blobs.symlink_to(elsewhere)


def foreign_blob(cache: Path, elsewhere: Path, snapshot: Path) -> None:
    blob = (snapshot / "model.bin").resolve()
    elsewhere.mkdir()
    shutil.move(blob, elsewhere / "model.bin")
    blob.symlink_to(elsewhere / "model.bin")


def foreign_link(cache: Path, elsewhere: Path, snapshot: Path) -> None:
    elsewhere.mkdir()
    shutil.copy(snapshot / "model.bin", elsewhere / ("0" * 64))
    (snapshot / "model.bin").unlink()
    (snapshot / "model.bin").symlink_to(elsewhere / ("0" * 64))


@pytest.mark.parametrize(
    "rearrange", [foreign_folder, foreign_snapshot, foreign_blobs, foreign_blob, foreign_link]
)
def test_nothing_is_removed_through_a_link_that_leads_elsewhere(
    rearrange: Callable[[Path, Path, Path], None], hub: LocalHub, tmp_path: Path
) -> None:
    cache, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    snapshot = fetcher(hub, cache).fetch("x", WHISPER, WHISPER_FILES)
    rearrange(cache, elsewhere, snapshot)
    blob = damage(snapshot)
    assert blob.is_relative_to(elsewhere)
    assert DamagedFiles(cache).removed_after(SPEAKS_OF_A_FILE, snapshot) is None
    assert blob.exists()
    assert (snapshot / "model.bin").is_symlink()


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("inside", [False, True], ids=["anywhere", "below CACHE_DIR"])
def test_nothing_in_a_directory_of_the_operator_is_removed(links: bool, inside: bool, tmp_path: Path) -> None:
    """Not even where it looks like the cache: a model that does not load is his to judge."""
    cache = tmp_path / "cache"
    own = (cache if inside else tmp_path) / "models--his--own" / "snapshots" / "1"
    blobs = own.parents[1] / "blobs"
    blobs.mkdir(parents=True)
    shutil.copytree(DEMO / "whisper", own)
    if links:
        shutil.move(own / "model.bin", blobs / ("0" * 64))
        (own / "model.bin").symlink_to(blobs / ("0" * 64))
    (own / "model.bin").write_bytes(b"no model")
    before = sorted(tmp_path.rglob("*"))
    loader = EngineLoader(fetcher("http://127.0.0.1:9", cache), EngineSettings(CPU))
    with pytest.raises(ModelUnavailable, match="files cannot be loaded"):
        loader.transcriber(ModelSpec("own", str(own), is_local=True), "cpu")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_download_that_does_not_load_is_repaired(hub: LocalHub, tmp_path: Path) -> None:
    snapshot = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    blob = (snapshot / "model.bin").resolve()
    blob.write_bytes(blob.read_bytes()[:5000])
    loader = EngineLoader(fetcher(hub, tmp_path), EngineSettings(CPU))
    with pytest.raises(ModelUnavailable, match=r"model\.bin was damaged and has been removed"):
        loader.transcriber(ModelSpec("tiny", WHISPER), "cpu")
    loader.transcriber(ModelSpec("tiny", WHISPER), "cpu").close()


def test_a_damaged_file_that_cannot_be_removed_is_named_with_the_reason(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a read-only mount, which only root could make here."""
    damage(snapshot := fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES))

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    said = DamagedFiles(tmp_path).removed_after(SPEAKS_OF_A_FILE, snapshot)
    assert said is not None
    assert "model.bin is damaged and cannot be removed (Read-only file system)" in said


def test_a_file_that_was_found_sound_is_read_once(hub: LocalHub, tmp_path: Path) -> None:
    snapshot = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    blob, files = (snapshot / "model.bin").resolve(), DamagedFiles(tmp_path)
    assert files.removed_after(SPEAKS_OF_A_FILE, snapshot) is None
    status = blob.stat()
    damage(snapshot)
    blob.write_bytes(blob.read_bytes() + b"x")
    os.utime(blob, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert files.removed_after(SPEAKS_OF_A_FILE, snapshot) is None
    os.utime(blob)
    assert "removed" in (files.removed_after(SPEAKS_OF_A_FILE, snapshot) or "")


def test_a_link_of_the_operator_that_leads_nowhere_is_not_replaced(hub: LocalHub, tmp_path: Path) -> None:
    snapshot = fetcher(hub, tmp_path).fetch("x", WHISPER, WHISPER_FILES)
    link = snapshot / "model.bin"
    link.unlink()
    link.symlink_to(tmp_path / "not-mounted" / "model.bin")
    assert "symbolic link" in refusal(fetcher(hub, tmp_path))
    assert link.is_symlink()
    hub.plain_files["/weights.pth"] = b"abc"
    weights = tmp_path / "weights.pth"
    weights.symlink_to(tmp_path / "not-mounted" / "weights.pth")
    with pytest.raises(FileExistsError):
        download_file(f"{hub.endpoint}/weights.pth", weights)
    assert weights.is_symlink()
    weights.unlink()
    kept = tmp_path / "kept"
    kept.write_bytes(b"his")
    (tmp_path / "weights.pth.part").symlink_to(kept)
    with pytest.raises(FileExistsError):
        download_file(f"{hub.endpoint}/weights.pth", weights)
    assert kept.read_bytes() == b"his"


def test_what_does_not_fit_on_the_disk_is_refused_before_a_byte_of_it_is_fetched(
    hub: LocalHub, tmp_path: Path
) -> None:
    hub.repositories[WHISPER].announced_extra_bytes = 10**16
    reason = refusal(fetcher(hub, tmp_path))
    assert "does not fit on the disk: 10000000.00 GB are needed in CACHE_DIR and" in reason
    assert not any(request.method == "GET" and "model.bin" in request.path for request in hub.requests)


def test_user_and_password_of_the_hub_are_sent_and_never_shown(
    hub: LocalHub, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (None, "app"):
        caplog.set_level(logging.DEBUG, name)
    scheme, _, host = hub.endpoint.partition("://")
    with_password = f"{scheme}://me:s3cr%40t@{host}"
    fetcher(with_password, tmp_path / "a").fetch("x", WHISPER, WHISPER_FILES)
    sent = {request.token for request in hub.requests}
    assert sent == {"Basic " + base64.b64encode(b"me:s3cr@t").decode()}
    hub.repositories[WHISPER].gated = True
    reasons = [
        refusal(fetcher(with_password, tmp_path / "b")),
        refusal(fetcher(with_password, tmp_path / "b"), "nobody/nothing"),
        refusal(fetcher("http://me:s3cr%40t@127.0.0.1:9", tmp_path)),
    ]
    assert "127.0.0.1:9 cannot be reached" in reasons[-1]
    for text in (*reasons, caplog.text):
        assert "s3cr" not in text


@pytest.mark.parametrize("break_off", ["ChunkedEncodingError", "RemoteProtocolError", "ReadError"])
def test_a_break_in_the_middle_is_known_whichever_library_the_hub_uses(break_off: str) -> None:
    library = requests.exceptions if break_off == "ChunkedEncodingError" else httpx
    assert broke_off(getattr(library, break_off)("peer closed connection"))
    assert not broke_off(ValueError("peer closed connection"))


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "hub.lan cannot be reached"),
        (httpx.ReadTimeout("timed out"), "hub.lan cannot be reached"),
        (requests.ConnectionError("refused"), "hub.lan cannot be reached"),
        (
            httpx.HTTPStatusError(
                "x", request=httpx.Request("GET", "http://h"), response=httpx.Response(429)
            ),
            "hub.lan limits the rate",
        ),
    ],
    ids=["httpx connect", "httpx timeout", "requests", "httpx status"],
)
def test_failures_of_either_http_library_are_explained(failure: Exception, said: str) -> None:
    reason = explain_download_failure(
        failure, source="a/b", page="https://hub.lan/a/b", file="x", token_given=False
    )
    assert said in reason


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


@pytest.mark.parametrize("linked", ["the directory", "its folders"])
def test_a_directory_of_the_operator_may_be_made_of_links(linked: str, tmp_path: Path) -> None:
    """Its size counts too, for room is made by it."""
    own = tmp_path / "own"
    if linked == "the directory":
        own.symlink_to(DEMO / "diarization")
    else:
        own.mkdir()
        for part in (DEMO / "diarization").iterdir():
            (own / part.name).symlink_to(part)
    assert fetcher("http://127.0.0.1:9", tmp_path).fetch("x", str(own), DIARIZER_FILES) == own
    assert size_on_disk(own) == size_on_disk(DEMO / "diarization") > 1_000_000


def test_a_directory_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    copy = shutil.copytree(DEMO / "diarization", tmp_path / "copy")
    shutil.rmtree(copy / "plda")
    assert "lacks plda" in refusal(fetcher("http://127.0.0.1:9", tmp_path), str(copy), DIARIZER_FILES)
    missing = refusal(fetcher("http://127.0.0.1:9", tmp_path), str(tmp_path / "none"), DIARIZER_FILES)
    assert "does not exist" in missing
    assert str(tmp_path) not in missing


def test_a_directory_with_pointers_in_place_of_its_weights_says_what_to_run(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n"
    for bundle, weights, files in (
        ("whisper", "model.bin", WHISPER_FILES),
        ("diarization", "*", DIARIZER_FILES),
    ):
        copy = shutil.copytree(DEMO / bundle, tmp_path / bundle)
        for path in copy.rglob(f"{weights}.*" if weights == "*" else weights):
            if path.suffix in (".bin", ".npz"):
                path.write_text(pointer)
        reason = refusal(fetcher("http://127.0.0.1:9", tmp_path), str(copy), files)
        assert reason.startswith(f"its directory {bundle} lacks ")
        assert ("git lfs pull" in reason) == (bundle == "whisper")


def test_an_aligner_of_another_architecture_is_told_apart(tmp_path: Path) -> None:
    copy = shutil.copytree(DEMO / "aligner", tmp_path / "mine")
    for text, words in (
        (
            '{"architectures": ["WhisperForConditionalGeneration"]}',
            "mine is no model of this kind: it is a Whisper",
        ),
        ("no JSON", "mine is no model of this kind: its config.json is not"),
    ):
        (copy / "config.json").write_text(text)
        assert words in refusal(fetcher("http://127.0.0.1:9", tmp_path), str(copy), ALIGNER_FILES)


def test_a_directory_that_cannot_be_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    reason = refusal(fetcher("http://127.0.0.1:9", tmp_path), str(tmp_path), WHISPER_FILES)
    assert "cannot be read (Permission denied)" in reason


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
    assert [path for path in target.parent.iterdir() if path.is_file()] == [target]


def test_two_downloads_of_one_plain_file_write_it_once(hub: LocalHub, tmp_path: Path) -> None:
    """Be they of two processes: `prefetch` beside the service, on one volume."""
    content = bytes(range(256)) * 40960
    hub.plain_files["/weights.pth"] = content
    target = tmp_path / "weights.pth"
    call = f"download_file({hub.endpoint!r} + '/weights.pth', Path({str(target)!r}))"
    code = f"from app.models.torchaudio_weights import *; {call}"
    others = [subprocess.Popen([sys.executable, "-c", code], cwd=DEMO.parents[1]) for _ in range(2)]
    download_file(f"{hub.endpoint}/weights.pth", target)
    assert [other.wait(60) for other in others] == [0, 0]
    assert target.read_bytes() == content
    assert len(hub.requests) == 1


def test_a_plain_file_that_does_not_fit_on_the_disk_is_refused(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.plain_files["/weights.pth"] = b"abc"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2))
    with pytest.raises(NoRoom):
        download_file(f"{hub.endpoint}/weights.pth", tmp_path / "weights.pth")
