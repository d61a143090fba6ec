"""What the service can do at this moment: the account of how loads, runs and checks of engines ended."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from app.engines.lending.memory_policy import is_device_lost, is_out_of_memory
from app.errors import AsrError
from app.models.subject import Subject
from app.stage import Stage
from app.transcript import Seconds

Status: TypeAlias = Literal["healthy", "loading", "degraded", "unhealthy"]

LONG_LOAD_SECONDS: Seconds = 120
"""A load that takes longer is told of: nothing distinguishes a long download from one that hangs."""
FIRST_CHECK_SECONDS: Seconds = 10
LONGEST_CHECK_SECONDS: Seconds = 300
"""Pauses between checks of an engine that fails them, doubling from the first to the longest."""
CHECK_GAP_SECONDS: Seconds = 60
"""After a passed check the next failure of the same engine is looked into no sooner than this."""
FORGET_SECONDS: Seconds = 600
"""A model that nobody preloads and that could not be loaded is named for so long after the last try."""
NOT_YET = "not loaded yet"


@dataclass(frozen=True, slots=True)
class Part:
    """One engine that the service is expected to have."""

    subject: Subject
    missing: str
    """What an answer lacks without it: "speakers", say."""
    essential: bool
    """Whether nothing works without it."""
    preloaded: bool = True
    """Whether it is loaded at start; otherwise at need."""


@dataclass(frozen=True, slots=True)
class Report:
    """The answer to "how are you?"."""

    status: Status
    reasons: tuple[str, ...] = ()
    """Why it is not healthy, or what the first request will wait for: one sentence each."""
    no_speakers: str | None = None
    """Why nothing proves that people can be told apart now; None: it is proven."""


@dataclass(slots=True)
class _Account:
    """What is known of one engine; touched only under the lock."""

    proven: bool = False
    """Its last load worked, or its files were found on disk."""
    load_failure: str | None = None
    files_missing: str | None = None
    to_download: bool = False
    """Its files are not on disk, but the hub answers."""
    lacked_memory: bool = False
    """A load for a request found no memory; nothing is said of it before it was tried again."""
    failed_at: Seconds = 0.0
    began: Seconds | None = None
    """When the load or look that is under way began."""
    looks: bool = False
    """What is under way is a look for files."""
    failed_runs: int = 0
    """Runs that broke since the last one that worked."""
    broken: str | None = None
    """How it failed the last check with a known sound."""
    check_at: Seconds = 0.0
    check_pause: Seconds = FIRST_CHECK_SECONDS


@dataclass(slots=True)
class _Books:
    accounts: dict[Subject, _Account] = field(default_factory=dict)
    device_lost: bool = False


class Ledger:
    """Keeps account of engines; told by those who load, run and check them, from any thread.

    A run that breaks makes its engine suspect and no more: it may be the recording's fault. Only a check with
    a known sound says that the engine is broken, and whatever works afterwards says that it is not.
    """

    def __init__(
        self,
        parts: Sequence[Part] = (),
        *,
        named_sources: Iterable[str] = (),
        clock: Callable[[], Seconds] = time.monotonic,
    ) -> None:
        """Expect `parts`; of other engines only those from the operator's `named_sources` can be missed."""
        self.parts = tuple(parts)
        self._named_sources = frozenset(named_sources)
        self._clock = clock
        self._lock = threading.Lock()
        self._books = _Books({part.subject: _Account() for part in self.parts})

    def loaded(self, subject: Subject, failure: BaseException | None) -> None:
        """Take note of a load's end; None: it worked."""
        with self._lock:
            account = self._account(subject, failure)
            if failure is None:
                _prove(account)
            elif is_out_of_memory(failure):
                account.lacked_memory = True
            else:
                self._deny(account, failure)

    def ran(self, subject: Subject, failure: BaseException | None) -> None:
        """Take note of a run's end; None: it worked."""
        with self._lock:
            account = self._account(subject, failure)
            if failure is None:
                _prove(account)
                account.failed_runs, account.broken = 0, None
                account.check_pause = FIRST_CHECK_SECONDS
            else:
                account.failed_runs += 1

    def begin(self, subject: Subject, *, looks: bool = False) -> None:
        """Note that the service itself begins to load `subject`, or only looks for its files."""
        with self._lock:
            account = self._account(subject)
            account.began, account.looks = self._clock(), looks

    def settle(self, subject: Subject, failure: Exception | None) -> None:
        """Note how the service's own load of `subject` ended; None: it worked."""
        with self._lock:
            account = self._account(subject, failure)
            account.began = None
            if failure is None:
                _prove(account)
            else:
                self._deny(account, failure)

    def found(self, subject: Subject, on_disk: bool) -> None:
        """Note that the files of `subject` are on disk, or can be downloaded."""
        with self._lock:
            account = self._account(subject)
            account.began = account.files_missing = None
            account.proven, account.to_download = on_disk, not on_disk

    def lacks_files(self, subject: Subject, failure: Exception) -> bool:
        """Note that the files of `subject` are nowhere; return whether that is news."""
        with self._lock:
            account = self._account(subject)
            reason, before = _explain(failure), account.files_missing
            account.began, account.files_missing = None, reason
            account.proven = account.to_download = False
            return reason != before

    def wants_load(self, part: Part) -> bool:
        """Return whether the service itself should load `part` now."""
        with self._lock:
            account = self._account(part.subject)
            untried = part.preloaded and not (account.proven or account.files_missing or account.to_download)
            return untried or account.load_failure is not None or account.lacked_memory

    def suspects(self) -> tuple[Subject, ...]:
        """Return which engines are to be checked with a known sound now."""
        now = self._clock()
        with self._lock:
            return tuple(
                subject
                for subject, account in self._books.accounts.items()
                if account.failed_runs and account.check_at <= now
            )

    def is_suspect(self, subject: Subject) -> bool:
        """Return whether no run of `subject` worked since the last that broke."""
        with self._lock:
            return self._account(subject).failed_runs > 0

    def passed(self, subject: Subject) -> None:
        """Note that a check of `subject` is over: it works, or there is nothing left to check."""
        with self._lock:
            account = self._account(subject)
            account.failed_runs, account.broken = 0, None
            account.check_at = self._clock() + CHECK_GAP_SECONDS

    def broke(self, subject: Subject, failure: BaseException) -> None:
        """Note that `subject` cannot even process a known sound."""
        with self._lock:
            account = self._account(subject, failure)
            account.broken = "ran out of memory" if is_out_of_memory(failure) else "failed"
            self._put_off(account)

    def put_off(self, subject: Subject) -> None:
        """Note that `subject` could not be checked now."""
        with self._lock:
            self._put_off(self._account(subject))

    def report(self) -> Report:
        """Return the state of the service; waits for nothing."""
        now = self._clock()
        with self._lock:
            fatal, partial = self._failures(now)
            waits = any(self._is_awaited(part) for part in self.parts)
            notes = [text for part in self.parts if (text := self._note(part, now))]
            no_speakers = self._no_speakers()
        if fatal:
            return Report("unhealthy", (*fatal, *partial), no_speakers)
        if waits:
            return Report("loading", (*partial, *notes), no_speakers)
        return Report("degraded" if partial else "healthy", (*partial, *notes), no_speakers)

    def _account(self, subject: Subject, failure: BaseException | None = None) -> _Account:
        self._books.device_lost |= failure is not None and is_device_lost(failure)
        return self._books.accounts.setdefault(subject, _Account())

    def _deny(self, account: _Account, failure: BaseException) -> None:
        account.load_failure, account.failed_at = _explain(failure), self._clock()
        account.proven = account.lacked_memory = account.to_download = False

    def _put_off(self, account: _Account) -> None:
        account.check_at = self._clock() + account.check_pause
        account.check_pause = min(2 * account.check_pause, LONGEST_CHECK_SECONDS)

    def _failures(self, now: Seconds) -> tuple[list[str], list[str]]:
        """Return the reasons that stop everything, and those that only lessen the answers."""
        fatal: list[str] = []
        partial: list[str] = []
        for part in self.parts:
            account = self._books.accounts[part.subject]
            wanted = part.essential or part.preloaded
            reasons = _part_failures(part, account, files_too=wanted)
            if account.looks and (seconds := self._long_since(account, now)):
                reasons.append(
                    f"{part.missing}: the disk with its files has not answered for {_minutes(seconds)}"
                )
            (fatal if part.essential else partial).extend(reasons)
            if account.to_download and part.preloaded:
                partial.append(f"{part.missing} {_to_download(part)}")
        expected = {part.subject for part in self.parts}
        for subject, account in self._books.accounts.items():
            if subject not in expected:
                partial.extend(self._other_failures(subject, account, now))
        if self._books.device_lost:
            fatal.append("the GPU stopped working; the service must be restarted")
        return fatal, partial

    def _other_failures(self, subject: Subject, account: _Account, now: Seconds) -> list[str]:
        """Return what is wrong with an engine that only some requests ask for."""
        reasons = []
        recent = now - account.failed_at < FORGET_SECONDS
        if account.load_failure is not None and recent and subject.source in self._named_sources:
            reasons.append(account.load_failure)
        if account.broken is not None:
            reasons.append(f"{subject.stage.noun} with {subject.name} {_broken(account.broken)}")
        return reasons

    def _is_awaited(self, part: Part) -> bool:
        account = self._books.accounts[part.subject]
        known = account.proven or account.load_failure or account.files_missing or account.to_download
        return not known and (part.preloaded or part.essential)

    def _note(self, part: Part, now: Seconds) -> str | None:
        """Return what makes `part` slow to come, though nothing is wrong."""
        account = self._books.accounts[part.subject]
        seconds = self._long_since(account, now)
        if seconds is not None and not account.looks:
            return f"{part.missing} still loading after {_minutes(seconds)}; the log shows each download"
        if account.to_download and part.essential and not part.preloaded:
            return f"{part.missing} {_to_download(part)}"
        return None

    def _long_since(self, account: _Account, now: Seconds) -> Seconds | None:
        """Return how long a load or look has been under way, where that is long."""
        if account.began is None or now - account.began < LONG_LOAD_SECONDS:
            return None
        return now - account.began

    def _no_speakers(self) -> str | None:
        """Return why the expected diarization is not proven to be available."""
        for part in self.parts:
            if part.subject.stage is Stage.DIARIZE:
                account = self._books.accounts[part.subject]
                reasons = _part_failures(part, account, files_too=True)
                if not reasons and not account.proven:
                    reasons = [f"{part.missing} {_to_download(part) if account.to_download else NOT_YET}"]
                return reasons[0] if reasons else None
        return None


def _part_failures(part: Part, account: _Account, *, files_too: bool) -> list[str]:
    """Return what is wrong with `part`; `files_too`: missing files count before anybody asked for it."""
    reasons = []
    absent = account.load_failure or (account.files_missing if files_too else None)
    if absent is not None:
        reasons.append(f"{part.missing} unavailable: {absent}")
    if account.broken is not None:
        reasons.append(f"{part.subject.stage.noun} {_broken(account.broken)}")
    return reasons


def _minutes(seconds: Seconds) -> str:
    return f"{seconds / 60:.0f} min"


def _broken(how: str) -> str:
    return f"{how} on a short known sound; the log has the cause"


def _to_download(part: Part) -> str:
    return f"not on disk: {part.subject.name} is downloaded when it is first needed"


def _prove(account: _Account) -> None:
    account.proven, account.to_download, account.lacked_memory = True, False, False
    account.load_failure = account.files_missing = None


def _explain(failure: BaseException) -> str:
    if isinstance(failure, AsrError):
        return str(failure)
    return "loading failed unexpectedly; the log has the cause"
