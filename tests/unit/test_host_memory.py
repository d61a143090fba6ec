"""What a stage freed is used again by its next batch, and the system's again when the stage is over."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from app.engines.platform.allocator import keep_working_memory, machine_memory, return_freed_memory
from tests.memory import resident_megabytes
from tests.service import ROOT

M_MMAP_THRESHOLD = -3
"""Its number in malloc.h."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone keeps freed memory so")
def test_freed_blocks_between_living_ones_are_given_back() -> None:
    blocks = [bytearray(b"x") * 30_000 for _ in range(8_000)]
    full = resident_megabytes()
    kept = blocks[::20]
    del blocks
    return_freed_memory()
    assert len(kept) == 400
    assert resident_megabytes() < full - 150


CHURN = """
import mmap, resource
from app.engines.platform.allocator import keep_working_memory

if {kept}:
    keep_working_memory()
for _ in range(20):
    bytearray(48 << 20)  # freed at once
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    bytearray(48 << 20)
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * mmap.PAGESIZE >> 20)
"""


def megabytes_faulted(*, kept: bool) -> int:
    """What the system had to fill with zeros for twenty blocks of 48 MB, one after the other."""
    script = CHURN.format(kept=kept)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to keep it")
def test_working_memory_is_used_again_instead_of_being_taken_anew() -> None:
    assert megabytes_faulted(kept=False) > 500
    assert megabytes_faulted(kept=True) < 50


def test_an_older_c_library_is_asked_for_as_much_as_it_promises() -> None:
    asked: list[tuple[int, int]] = []

    def tune(parameter: int, value: int) -> int:
        asked.append((parameter, value))
        return int(parameter != M_MMAP_THRESHOLD or value <= 32 << 20)

    keep_working_memory(tune)
    assert [value for parameter, value in asked if parameter == M_MMAP_THRESHOLD] == [512 << 20, 32 << 20]


def test_what_the_c_library_refuses_is_told_in_a_line_each(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        keep_working_memory(lambda _parameter, _value: 1)
        assert caplog.messages == []
        keep_working_memory(lambda _parameter, _value: 0)
    assert len(caplog.messages) == 3


THREADED = """
import mmap, resource, threading
from app.engines.platform.allocator import keep_working_memory

keep_working_memory()


def churn():
    for _ in range(20):
        bytearray(100 << 20)


threads = [threading.Thread(target=churn) for _ in range(2)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for thread in threads:
    thread.start()
    thread.join()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) * mmap.PAGESIZE >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told to keep it")
def test_the_threads_of_slots_reuse_large_blocks_too() -> None:
    """An arena of a thread's own could not hold them: 4,000 MB would be taken anew."""
    done = subprocess.run(
        [sys.executable, "-c", THREADED], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 500


MACHINE = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.parametrize(
    ("groups", "limits", "expected"),
    [
        ("0::/\n", {"memory.max": "1000000"}, 1000000),
        ("0::/a/b\n", {"a/memory.max": "500000", "a/b/memory.max": "max"}, 500000),
        ("0::/a\n", {"a/memory.max": "max", "memory.max": "max"}, MACHINE),
        ("9:cpu:/a\n8:memory:/a\n", {"memory/memory.limit_in_bytes": "700000"}, 700000),
        ("8:memory:/a\n", {"memory/a/memory.limit_in_bytes": str(1 << 63)}, MACHINE),
        ("0::/\n", {}, MACHINE),
        (None, {"memory.max": "1000000"}, MACHINE),
    ],
    ids=["container", "service", "no limit", "version 1", "version 1, no limit", "no file", "no cgroups"],
)
def test_the_memory_of_a_container_is_its_limit(
    groups: str | None, limits: dict[str, str], expected: int, tmp_path: Path
) -> None:
    if groups is not None:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
    for name, limit in limits.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(limit + "\n")
    assert machine_memory(tmp_path / "proc", tmp_path / "cgroup") == expected
