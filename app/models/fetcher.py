"""From a model's source to a place on disk: what is there is used as it is, the rest is downloaded."""

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

import requests
from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]

from app.errors import ModelUnavailable
from app.models.damaged_files import DamagedFiles, refuse_foreign_link
from app.models.download_errors import IncompleteDownload, check_room, explain_download_failure
from app.models.engine_id import EngineId
from app.models.hub_client import HubClient, check_reachable
from app.models.model_files import (
    FILES,
    ModelFiles,
    missing_files,
    other_repositories,
    select_files,
    size_on_disk,
    wrong_kind,
)
from app.models.model_spec import is_directory_source, is_pipeline_source, shown_source
from app.models.torchaudio_weights import TORCH_FILES, download_file

logger = logging.getLogger(__name__)

_OFFLINE = "is not on disk and HF_HUB_OFFLINE is set; fetch it with `python -m app prefetch` while online"


class ModelFetcher:
    """Finds models below one cache directory and, unless offline, downloads what is missing there."""

    def __init__(
        self,
        cache_dir: Path,
        hub: HubClient,
        pipeline_file: Callable[[str], str | None],
        *,
        offline: bool,
        torch_files: str = TORCH_FILES,
    ) -> None:
        """Use `hub` for repositories; `pipeline_file` names the weights of a torchaudio pipeline."""
        self.cache_dir = cache_dir
        self.damaged_files = DamagedFiles(cache_dir)
        self._hub = hub
        self._pipeline_file = pipeline_file
        self._offline = offline
        self._torch_files = torch_files

    def fetch(self, name: str, source: str, files: ModelFiles) -> Path:
        """Return the directory that holds the model `name`, downloading it first if need be.

        A model that is complete on disk causes no network traffic at all.

        Raises:
            ModelUnavailable: it is not on disk and cannot be downloaded now.
        """
        if is_directory_source(source):
            directory = _checked_directory(name, Path(source).expanduser(), files)
        else:
            directory = self._fetch_repository(name, source, files)
        if others := other_repositories(directory):
            raise ModelUnavailable(
                name,
                f"the pipeline needs {', '.join(others)} too; set DIARIZATION_MODEL to one that holds all "
                "its parts, such as pyannote/speaker-diarization-community-1",
            )
        if wrong := wrong_kind(directory, files):
            raise ModelUnavailable(name, f"{shown_source(source)} is no model of this kind: {wrong}")
        return directory

    def fetch_pipeline_weights(self, name: str, pipeline: str) -> Path:
        """Return the file with the weights of a torchaudio pipeline, which torch then finds in `cache_dir`.

        Raises:
            ModelUnavailable: it is not on disk and cannot be downloaded now.
        """
        file = self._pipeline_file(pipeline)
        if file is None:
            raise ModelUnavailable(name, f"torchaudio has no pipeline {pipeline}; check ALIGN_MODELS")
        target = self.cache_dir / Path(file).name
        if target.is_file():
            return target
        if self._offline:
            raise ModelUnavailable(name, f"{target.name} {_OFFLINE}")
        url = f"{self._torch_files}/{file}"
        logger.info("downloading %s", url)
        try:
            check_reachable(url)
            download_file(url, target, show_progress=self._hub.show_progress)
        except Exception as exc:
            logger.debug("download of %s failed", url, exc_info=exc)
            reason = explain_download_failure(
                exc, source=pipeline, page=url, file=target.name, token_given=False
            )
            raise ModelUnavailable(name, reason) from exc
        return target

    def find_on_disk(self, source: str, files: ModelFiles) -> Path | None:
        """Return the directory of `source` if every file that is needed is there; asks nobody."""
        try:
            if is_directory_source(source):
                directory = Path(source).expanduser()
            else:
                folder = self._folder(source, files)
                directory = folder / "snapshots" / (folder / "refs" / "main").read_text().strip()
            return directory if directory.is_dir() and not missing_files(directory, files) else None
        except OSError:
            return None

    def search(self, engine_id: EngineId) -> bool:
        """Return whether the model's files are on disk; False: they are not, but the hub answers.

        Raises:
            ModelUnavailable: they are out of reach.
        """
        source = engine_id.source
        if is_pipeline_source(source):
            file = self._pipeline_file(source)
            on_disk = file is not None and (self.cache_dir / Path(file).name).is_file()
        else:
            on_disk = self.find_on_disk(source, FILES[engine_id.stage]) is not None
        if not on_disk and is_directory_source(source):
            reason = "its directory is away or lacks files; the log of the next load says more"
            raise ModelUnavailable(engine_id.name, reason)
        if not on_disk:
            self._check_hub(engine_id.name, source)
        return on_disk

    def _check_hub(self, name: str, source: str) -> None:
        """Return if the hub gives any answer at all.

        Raises:
            ModelUnavailable: it does not, or may not be asked.
        """
        if self._offline:
            raise ModelUnavailable(name, f"{source} {_OFFLINE}")
        try:
            check_reachable(self._hub.endpoint)
        except requests.HTTPError:
            pass
        except Exception as exc:
            reason = explain_download_failure(
                exc, source=source, page=f"{self._hub.endpoint}/{source}", file="", token_given=False
            )
            raise ModelUnavailable(name, reason) from exc

    def _fetch_repository(self, name: str, repository: str, files: ModelFiles) -> Path:
        found = self.find_on_disk(repository, files)
        if found is not None and (self._offline or not self._was_interrupted(repository, files)):
            return found
        if self._offline:
            raise ModelUnavailable(name, f"{repository} {_OFFLINE}")
        try:
            return self._download(name, repository, files)
        except ModelUnavailable as exc:
            if found is None:
                raise
            logger.warning("%s is used as found on disk: %s", repository, exc.reason)
            return found

    def _download(self, name: str, repository: str, files: ModelFiles) -> Path:
        """Download what is missing; the cache's reference comes last, so that it vouches for the files."""
        folder = self._folder(repository, files)
        current = ""
        try:
            commit, sizes = self._hub.list_files(repository)
            wanted = select_files(sizes, files)
            logger.info("downloading %s (%d files) from %s", repository, len(wanted), self._hub.endpoint)
            snapshot = folder / "snapshots" / commit
            for current in wanted:
                self._download_file(repository, current, commit, folder, sizes[current])
            missing = missing_files(snapshot, files)
            if not missing:
                (folder / "refs").mkdir(exist_ok=True)
                (folder / "refs" / "main").write_text(commit)
        except Exception as exc:
            logger.debug("download of %s failed", repository, exc_info=exc)
            if "Consistency check failed" in str(exc):
                _discard_partial_files(folder)
            reason = explain_download_failure(
                exc,
                source=repository,
                page=f"{self._hub.endpoint}/{repository}",
                file=current,
                token_given=self._hub.has_token,
            )
            raise ModelUnavailable(name, reason) from exc
        if missing:
            raise ModelUnavailable(
                name, f"{repository} lacks {', '.join(missing)}: it is no model of this kind"
            )
        _discard_partial_files(folder)
        logger.info("downloaded %s (%.0f MB)", repository, size_on_disk(snapshot) / 1e6)
        return snapshot

    def _download_file(self, repository: str, file: str, commit: str, folder: Path, size_bytes: int) -> None:
        """Download `file` unless it is there; only if it fits on the disk, and is what its checksum says."""
        snapshot = folder / "snapshots" / commit
        if (snapshot / file).exists():
            return
        refuse_foreign_link(snapshot / file, folder / "blobs")
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder, size_bytes - _held_bytes(folder))
        self._hub.download(repository, file, commit, folder.parent)
        if not self.damaged_files.check(snapshot, file):
            raise IncompleteDownload(f"{file} does not match its checksum")

    def _folder(self, repository: str, files: ModelFiles) -> Path:
        return self.cache_dir / files.cache_folder / f"models--{repository.replace('/', '--')}"

    def _was_interrupted(self, repository: str, files: ModelFiles) -> bool:
        """Return whether a download by another program ended half-way: optional files may be missing."""
        return any((self._folder(repository, files) / "blobs").glob("*.incomplete"))


def _checked_directory(name: str, directory: Path, files: ModelFiles) -> Path:
    """Return `directory` if it holds a model; people are told its last part, the log its place."""
    try:
        missing = missing_files(directory, files) if directory.is_dir() else None
    except OSError as exc:
        logger.error("%s: the directory %s cannot be read: %s", name, directory, exc)
        raise ModelUnavailable(
            name, f"its directory {directory.name} cannot be read ({exc.strerror})"
        ) from exc
    if missing is None:
        logger.error("%s: there is no directory %s", name, directory)
        raise ModelUnavailable(
            name, f"its directory {directory.name} does not exist; the log names its place"
        )
    if missing:
        logger.error("%s: the directory %s lacks %s", name, directory, ", ".join(missing))
        raise ModelUnavailable(name, f"its directory {directory.name} lacks {', '.join(missing)}")
    return directory


def _held_bytes(folder: Path) -> int:
    """Return what downloads that broke off have left, to be gone on with."""
    return sum(partial.stat().st_size for partial in (folder / "blobs").glob("*.incomplete"))


def _discard_partial_files(folder: Path) -> None:
    """Remove what broken downloads left, unless another process is at it or the folder is a foreign one."""
    blobs = folder / "blobs"
    if folder.is_symlink() or blobs.is_symlink():
        return
    for partial in blobs.glob("*.incomplete"):
        # Named after the checksum, and held by the library, in any process, as long as it writes.
        lock = folder.parent / ".locks" / folder.name / f"{partial.name.partition('.')[0]}.lock"
        with contextlib.suppress(OSError), WeakFileLock(lock, timeout=0.01):
            partial.unlink(missing_ok=True)
