"""What this process holds of the machine's memory."""

import psutil


def resident_megabytes() -> float:
    """The pages of this process that are in memory, its children's not counted."""
    return float(psutil.Process().memory_info().rss / 1e6)
