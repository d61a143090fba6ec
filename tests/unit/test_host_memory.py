"""What a stage freed is the system's again."""

import platform
from pathlib import Path

import pytest

from app.engines.host_memory import return_freed_memory


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps freed memory so")
def test_freed_blocks_between_living_ones_are_given_back() -> None:
    blocks = [bytearray(b"x") * 30_000 for _ in range(8_000)]
    full = resident_megabytes()
    kept = blocks[::20]
    del blocks
    return_freed_memory()
    assert len(kept) == 400
    assert resident_megabytes() < full - 150
