"""What is served of others is exactly what was locked, and nothing else gets in."""

import base64
import hashlib
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from tools.vendor import NotToBeHad, Package, changed_files, packages, unpack

OWN = {"README.md"}


def test_every_file_that_is_served_is_the_one_of_the_lock() -> None:
    served = [package for package in packages().values() if package.directory.startswith("app/")]
    assert served
    for package in served:
        assert changed_files(package) == []
        assert {path.name for path in package.path.iterdir()} - OWN == set(package.files)
        assert f" {package.version}\n" in (package.path / "README.md").read_text()


def packed(content: bytes) -> bytes:
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("package/a.js")
        member.size = len(content)
        tar.addfile(member, BytesIO(content))
    return archive.getvalue()


def locked(archive: bytes, content: bytes) -> Package:
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    return Package("a", "1.0.0", "MIT", integrity, "build/a", {"a.js": hashlib.sha256(content).hexdigest()})


def test_a_package_is_unpacked_if_it_is_the_locked_one(tmp_path: Path) -> None:
    archive = packed(b"good")
    unpack(locked(archive, b"good"), archive, tmp_path)
    assert (tmp_path / "a.js").read_bytes() == b"good"


def test_another_archive_is_refused(tmp_path: Path) -> None:
    package = locked(packed(b"good"), b"good")
    with pytest.raises(NotToBeHad, match="archive of a 1"):
        unpack(package, packed(b"evil"), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_refused(tmp_path: Path) -> None:
    archive = packed(b"evil")
    package = locked(archive, b"good")
    with pytest.raises(NotToBeHad, match=r"a\.js of a"):
        unpack(package, archive, tmp_path)
    assert list(tmp_path.iterdir()) == []
