"""How running work is told to stop."""

from collections.abc import Callable
from typing import TypeAlias

Checkpoint: TypeAlias = Callable[[], None]
"""Called by the work at every batch boundary, and while an engine is loaded: a sign of life to the watchdog.

It raises what shall stop the work: ClientLeft, DeadlineExceeded or ServiceDraining. May be called from several
threads.
"""
