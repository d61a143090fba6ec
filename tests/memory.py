"""What this process holds of the machine's memory."""

import mmap
from pathlib import Path


def resident_megabytes() -> float:
    """The pages of this process that are in memory, its children's not counted."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * mmap.PAGESIZE / 1e6
