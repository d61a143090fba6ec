"""Unloads idle engines while nobody asks for anything."""

import threading

from app.engines.lending.pool import Pool
from app.transcript import Seconds


class IdleReaper:
    """Looks at the pool every few seconds; does nothing where engines are kept for ever."""

    def __init__(self, pool: Pool, keep_alive_seconds: Seconds) -> None:
        self._pool = pool
        self._every_seconds = min(30.0, max(0.5, keep_alive_seconds / 4))
        self._stopped = threading.Event()
        if keep_alive_seconds <= 0:
            self._stopped.set()
        self._thread = threading.Thread(target=self._reap, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; an unloading that is under way ends by itself."""
        self._stopped.set()

    def _reap(self) -> None:
        while not self._stopped.wait(self._every_seconds):
            self._pool.unload_idle()
