"""The two questions put to the model hub, with a time limit: which files are there, and this file please."""

import base64
import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote

import requests
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars

from app.logs import with_current_context
from app.models.download_errors import Unreachable, broke_off
from app.transcript import Seconds

logger = logging.getLogger(__name__)

T = TypeVar("T")

ANSWER_SECONDS: Seconds = 4.0
"""How long a host's first answer may take, name resolution included."""
ATTEMPTS = 5


class HubClient:
    """Speaks the protocol of the Hugging Face hub with one token, or none."""

    def __init__(self, endpoint: str, token: str | None, *, show_progress: bool) -> None:
        # User and password go into a header: addresses are shown, logged and part of errors.
        self.endpoint, self._headers = split_credentials(endpoint.strip().rstrip("/"))
        # False, not None: None would make the library look for a token by itself.
        self._token: str | bool = (token or "").strip() or False
        self.show_progress = show_progress

    @property
    def has_token(self) -> bool:
        """Whether requests carry a token."""
        return bool(self._token)

    def list_files(self, repository: str) -> tuple[str, dict[str, int]]:
        """Return the newest commit of `repository`, and its files by name with their bytes, 0 if not told.

        Raises:
            Unreachable: the hub gave no answer in time.
            OSError: what the library raises for refusals and broken connections.
        """
        api = HfApi(endpoint=self.endpoint, token=self._token, headers=self._headers)
        ask = partial(api.model_info, repository, timeout=ANSWER_SECONDS, files_metadata=True)
        info = within(ANSWER_SECONDS, ask)
        assert info.sha is not None, "the hub names the commit of every model"
        return info.sha, {file.rfilename: file.size or 0 for file in info.siblings or ()}

    def download(self, repository: str, file: str, commit: str, cache: Path) -> None:
        """Put `file` into the hub cache at `cache`, going on where an interrupted download stopped.

        Raises:
            OSError: what the library raises for refusals, broken connections and full disks.
        """
        (enable_progress_bars if self.show_progress else disable_progress_bars)()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                hf_hub_download(
                    repository,
                    file,
                    revision=commit,
                    cache_dir=cache,
                    token=self._token,
                    endpoint=self.endpoint,
                    headers=self._headers,
                    etag_timeout=ANSWER_SECONDS,
                )
                return
            except Exception as exc:
                # The library itself goes on after other breaks, but not after this one.
                if attempt == ATTEMPTS or not broke_off(exc):
                    raise
                logger.warning("the download of %s of %s broke off, going on", file, repository)


def split_credentials(endpoint: str) -> tuple[str, dict[str, str]]:
    """Return `endpoint` without the user and password in it, and the headers that carry them instead."""
    scheme, _, rest = endpoint.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not at:
        return endpoint, {}
    user, _, password = credentials.partition(":")
    both = f"{unquote(user)}:{unquote(password)}".encode()
    return f"{scheme}://{host}", {"authorization": f"Basic {base64.b64encode(both).decode()}"}


def check_reachable(url: str) -> None:
    """Return if `url` answers in time.

    Raises:
        Unreachable: no answer in time.
        requests.RequestException: a refusal, or no connection.
    """

    def ask() -> None:
        requests.head(url, timeout=ANSWER_SECONDS, allow_redirects=True).raise_for_status()

    within(ANSWER_SECONDS, ask)


def within(seconds: Seconds, ask: Callable[[], T]) -> T:
    """Return what `ask` returns if it does so in time: resolving a name knows no time limit of its own.

    Raises:
        Unreachable: it took longer; the asking thread is left behind and ends by itself.
    """
    answers: list[T] = []
    failures: list[Exception] = []

    def work() -> None:
        try:
            answers.append(ask())
        except Exception as exc:
            failures.append(exc)

    thread = threading.Thread(target=with_current_context(work), name="hub", daemon=True)
    thread.start()
    thread.join(seconds + 0.5)
    if failures:
        raise failures[0]
    if not answers:
        raise Unreachable(f"no answer within {seconds:g} seconds")
    return answers[0]
