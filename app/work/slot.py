"""One thread that runs jobs one after the other."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable

from app.work.job import Job, Outcome


class Slot:
    """A thread and the job it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.job: Job | None = None
        self.hung = False
        self._inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(
        self, loop: asyncio.AbstractEventLoop, on_finished: Callable[["Slot", Job, Outcome], None]
    ) -> None:
        """Start the thread; `on_finished` is called on `loop` after each job.

        The thread is a daemon: one that hangs in native code must not keep the process from ending.
        """
        arguments = (loop, on_finished)
        self._thread = threading.Thread(target=self._serve, args=arguments, name=self.name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread after its present job."""
        self._closed = True
        self._inbox.put(None)

    def join(self, seconds: float) -> None:
        """Wait until the thread has ended, at most `seconds`."""
        if self._thread is not None:
            self._thread.join(seconds)

    def take(self, job: Job) -> None:
        """Hand `job` to the thread."""
        self.job = job
        job.begin()
        self._inbox.put(job)

    @property
    def alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def dead(self) -> bool:
        """Return whether the thread ended although nobody asked it to."""
        return self._thread is not None and not self._closed and not self._thread.is_alive()

    @property
    def usable(self) -> bool:
        """Return whether the thread works or waits for work."""
        return self.alive and not self._closed and not self.hung

    @property
    def free(self) -> bool:
        """Return whether the thread waits for work."""
        return self.usable and self.job is None

    def check_progress(self, now: float, watchdog_seconds: float) -> str | None:
        """Look whether the thread hangs, and remember it; return what is wrong with it, if anything."""
        self.hung = self.job is not None and now - self.job.last_seen > watchdog_seconds
        if self.dead:
            return "died"
        return "stopped responding" if self.hung else None

    def _serve(
        self, loop: asyncio.AbstractEventLoop, on_finished: Callable[["Slot", Job, Outcome], None]
    ) -> None:
        while (job := self._inbox.get()) is not None:
            outcome = job.run()
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(on_finished, self, job, outcome)
            # Whatever this frame still names would keep the recording in memory until the next job.
            del job, outcome
