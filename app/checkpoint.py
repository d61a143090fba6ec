"""How running work is told to stop."""

from collections.abc import Callable
from typing import TypeAlias

Checkpoint: TypeAlias = Callable[[], None]
"""Called by the work at every batch boundary and while an engine is loaded, from any thread.

A sign of life for the watchdog. Raises what shall stop the work: ClientLeft, DeadlineExceeded or
ServiceDraining.
"""
