"""What travels to a machine that has torch, a GPU and no network."""

import ast
import struct
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.service import ROOT
from tools.gpu.fat_binary import keep_ptx, section
from tools.gpu.packages import IMPORTED_AS, ON_THE_MACHINE, PACKAGES, requirements
from tools.gpu.shrinking import do_without_av, unpack

LOCKED = "\n".join((ROOT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock"))
STAYING = ("app/cluster.py", "benchmarks/speech", "benchmarks/cluster", "benchmarks/calls")
"""What is not measured there, and needs packages of its own."""
TRAVELLERS = ("app", "benchmarks", "tests/engines", "tests/service.py", "tests/truth.py")
"""What runs there."""


def test_every_package_is_locked_with_its_hashes() -> None:
    told = requirements(LOCKED)
    assert told.count("==") == len(PACKAGES) + 1
    assert all(f"\n{name}==" in f"\n{told}" for name in PACKAGES)
    assert all("--hash=sha256:" in block for block in told.split("==")[1:])
    assert ";" not in told


def test_a_package_that_is_locked_nowhere_is_named() -> None:
    with pytest.raises(LookupError, match="no-such-thing"):
        requirements(LOCKED, ["no-such-thing"])


def imported(path: Path) -> set[str]:
    """Return the modules outside of the standard library that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
    first = {name.partition(".")[0] for name in names}
    return first - sys.stdlib_module_names - {"app", "benchmarks", "tests", "tools"}


def test_what_runs_there_finds_what_it_imports() -> None:
    files = [file for name in TRAVELLERS for file in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
    files = [file for file in files if not str(file.relative_to(ROOT)).startswith(STAYING)]
    wanted = set().union(*map(imported, files)) - ON_THE_MACHINE
    packed = {*PACKAGES, "imageio-ffmpeg"}
    missing = {name for name in wanted if IMPORTED_AS.get(name, name.replace("_", "-")) not in packed}
    assert missing == set()


def fat_binary(*entries: tuple[int, bytes]) -> bytes:
    """Return a fat binary of entries with a kind (1: PTX, 2: machine code) and a content."""
    body = b"".join(struct.pack("<HHIQ", kind, 0x101, 16, len(code)) + code for kind, code in entries)
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def library(content: bytes) -> bytearray:
    """Return an ELF file with `content` in .nv_fatbin."""
    names = b"\0.nv_fatbin\0.shstrtab\0"
    start = 64 + len(content)
    table = start + len(names)
    head = bytearray(64)
    head[:4] = b"\x7fELF"
    struct.pack_into("<Q", head, 0x28, table)
    struct.pack_into("<HHH", head, 0x3A, 64, 2, 1)
    rows = [(1, 64, len(content)), (12, start, len(names))]
    headers = b"".join(struct.pack("<IIQQQQ", name, 1, 0, 0, at, size) + bytes(24) for name, at, size in rows)
    return bytearray(bytes(head) + content + names + headers)


def test_only_the_code_that_a_driver_compiles_is_kept() -> None:
    ptx, machine = b"PTX of 16 bytes.", b"machine code" * 2
    first, second = fat_binary((2, machine), (1, ptx)), fat_binary((1, ptx), (2, machine), (2, machine))
    made = library(first + second)
    keep_ptx(made)
    at, size = section(made, ".nv_fatbin")
    found = bytes(made[at : at + size])
    assert len(found) == len(first) + len(second)
    assert machine not in found
    kept = fat_binary((1, ptx))
    assert found.startswith(kept)
    assert found[len(first) :].startswith(kept)


@pytest.mark.parametrize("content", [fat_binary((2, b"machine code too")), fat_binary((1, b"x" * 16))[:-8]])
def test_code_laid_out_in_another_way_is_not_touched(content: bytes) -> None:
    with pytest.raises(ValueError, match="fat binary"):
        keep_ptx(library(content))


def test_what_is_never_loaded_is_left_out_of_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in ("a/__init__.py", "a/tests/test_a.py", "a-1.dist-info/METADATA", "a-1.dist-info/RECORD"):
            archive.writestr(name, "x")
    unpack(wheel, tmp_path / "site")
    left = {
        str(path.relative_to(tmp_path / "site")) for path in (tmp_path / "site").rglob("*") if path.is_file()
    }
    assert left == {"a/__init__.py", "a-1.dist-info/METADATA"}


def test_faster_whisper_can_do_without_av(tmp_path: Path) -> None:
    found = find_spec("faster_whisper")
    assert found is not None
    assert found.origin is not None
    module = tmp_path / "audio.py"
    module.write_text((Path(found.origin).parent / "audio.py").read_text())
    do_without_av(module)
    assert "av" not in imported(module)
