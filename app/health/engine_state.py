"""What is known of one engine: how its loads, runs and checks ended."""

from dataclasses import dataclass

from app.errors import AsrError
from app.transcript import Seconds

FIRST_CHECK_SECONDS: Seconds = 10
LONGEST_CHECK_SECONDS: Seconds = 300
"""Pauses between checks of an engine that fails them, doubling from the first to the longest."""
CHECK_GAP_SECONDS: Seconds = 60
"""After a passed check the next failure of the same engine is looked into no sooner than this."""


@dataclass(slots=True)
class EngineState:
    """What is known of one engine; times are those of the ledger's clock."""

    proven: bool = False
    """Its last load worked, or its files were found on disk."""
    load_failure: str | None = None
    files_missing: str | None = None
    to_download: bool = False
    """Its files are not on disk, but the hub answers."""
    lacked_memory: bool = False
    """A load for a request found no memory; nothing is said of it before it was tried again."""
    failed_at: Seconds = 0.0
    attempt_began: Seconds | None = None
    """When the load or the search for files that is under way began."""
    searching: bool = False
    """What is under way is a search for files."""
    failed_runs: int = 0
    """Runs that broke since the last one that worked."""
    check_failure: str | None = None
    """How it failed the last check with a known sound: "failed" or "ran out of memory"."""
    check_at: Seconds = 0.0
    check_pause: Seconds = FIRST_CHECK_SECONDS

    @property
    def known(self) -> bool:
        """Whether anything was found out about its load or its files yet."""
        return bool(self.proven or self.load_failure or self.files_missing or self.to_download)

    def mark_loaded(self) -> None:
        """Note that a load or a run worked."""
        self.proven, self.to_download, self.lacked_memory = True, False, False
        self.load_failure = self.files_missing = None

    def mark_unloadable(self, failure: BaseException, now: Seconds) -> None:
        """Note why a load failed."""
        self.load_failure, self.failed_at = explain(failure), now
        self.proven = self.lacked_memory = self.to_download = False

    def mark_working(self) -> None:
        """Note that a run or a check worked."""
        self.failed_runs, self.check_failure = 0, None

    def postpone_check(self, now: Seconds) -> None:
        """Put the next check off, each time twice as long."""
        self.check_at = now + self.check_pause
        self.check_pause = min(2 * self.check_pause, LONGEST_CHECK_SECONDS)


def explain(failure: BaseException) -> str:
    """Return `failure` as a client may read it: nothing of an unforeseen one."""
    if isinstance(failure, AsrError):
        return str(failure)
    return "loading failed unexpectedly; the log has the cause"
