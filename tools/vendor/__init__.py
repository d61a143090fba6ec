"""Files of npm packages that are used as they are: which, of which version, and how to get exactly these.

`lock.json` names each package with the hash of its archive and of the files that are taken out of it. What is
served lies in the repository; what only tests need is fetched into `build/` when they run.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("lock.json")
FETCH_SECONDS = 120


class NotToBeHad(Exception):
    """A package cannot be fetched, or is not the one that the lock names; the message says why."""


@dataclass(frozen=True)
class Package:
    """One package of npm."""

    name: str
    version: str
    licence: str
    integrity: str
    """The hash of its archive, as npm writes it."""
    directory: str
    """Where its files lie, from the root of the repository."""
    files: Mapping[str, str]
    """The names of the files that are taken, with the SHA-256 of each."""

    @property
    def path(self) -> Path:
        return ROOT / self.directory


def packages() -> dict[str, Package]:
    """Return the packages of the lock by their names."""
    locked = json.loads(LOCK.read_text(encoding="utf-8"))
    return {name: Package(name, **fields) for name, fields in locked.items()}


def changed_files(package: Package) -> list[str]:
    """Return the names of the files that are missing or not those of the lock."""
    return [name for name, digest in package.files.items() if _digest(package.path / name) != digest]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def present(package: Package) -> Path:
    """Return the directory of a package's files, fetched if they are not there. Raises NotToBeHad."""
    if changed_files(package):
        unpack(package, archive(package), package.path)
    return package.path


def archive(package: Package) -> bytes:
    """Return the archive of a package, by npm's own client. Raises NotToBeHad."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotToBeHad(f"{package.name} {package.version} is fetched by npm, which is not installed")
    with tempfile.TemporaryDirectory() as directory:
        command = [npm, "pack", f"{package.name}@{package.version}", "--pack-destination", directory]
        try:
            subprocess.run(command, cwd=directory, check=True, capture_output=True, timeout=FETCH_SECONDS)
        except (subprocess.SubprocessError, OSError) as exc:
            raise NotToBeHad(f"npm cannot fetch {package.name} {package.version}: {exc}") from exc
        (packed,) = Path(directory).glob("*.tgz")
        return packed.read_bytes()


def unpack(package: Package, content: bytes, directory: Path) -> None:
    """Write the files that the lock names, if archive and files are the locked ones. Raises NotToBeHad."""
    algorithm, _, expected = package.integrity.partition("-")
    if base64.b64encode(hashlib.new(algorithm, content).digest()).decode() != expected:
        raise NotToBeHad(f"the archive of {package.name} {package.version} is not the one that was locked")
    directory.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=BytesIO(content)) as packed:
        for name, digest in package.files.items():
            member = packed.extractfile(f"package/{name}")
            found = member.read() if member else b""
            if hashlib.sha256(found).hexdigest() != digest:
                raise NotToBeHad(f"{name} of {package.name} is not the file that was locked")
            (directory / name).write_bytes(found)
