"""Splits requirements.lock for the image: torch with its CUDA libraries on one side, all else on the other.

    python torch_packages.py locked LOCK      torch and its libraries, with versions and hashes
    python torch_packages.py versions LOCK    torch, torchaudio, torchvision without hashes: for another index
    python torch_packages.py libraries        the CUDA libraries that the installed torch asks for
    python torch_packages.py others LOCK      every other package, with hashes

torch stands apart because it makes the largest layer, which should change as seldom as torch does, and
because another build of it has other hashes. Runs on a bare Python.
"""

import re
import sys
from importlib.metadata import requires
from pathlib import Path

TORCH = ("torch", "torchaudio", "torchvision")
LIBRARY_PREFIX = "nvidia-"
UNUSED = {
    "triton": "compiles models (torch.compile), which the service does not do",
    "imageio-ffmpeg": "brings an ffmpeg for systems without one; the image has Debian's",
}
"""Packages of the lock that stay out of the image, with the reason."""

_ENTRY = re.compile(r"^(?=[A-Za-z0-9])", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def entries(lock: str) -> list[tuple[str, str]]:
    """Return the lock's entries: package name, and the text with its hashes.

    A package has several where its version depends on the platform or on Python's version.
    """
    blocks = [block for block in _ENTRY.split(lock) if block.strip() and not block.startswith("#")]
    return [(name_of(block), block) for block in blocks]


def name_of(requirement: str) -> str:
    """Return the package that a requirement line is about."""
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"no package name in {requirement[:60]!r}")
    return match.group().lower()


def belongs_to_torch(name: str) -> bool:
    """Return whether the package is torch itself or one of its CUDA libraries."""
    return name in TORCH or name.startswith(LIBRARY_PREFIX)


def locked(lock: str) -> str:
    """Return the entries of torch and its libraries."""
    return "".join(block for name, block in entries(lock) if belongs_to_torch(name))


def versions(lock: str) -> str:
    """Return torch, torchaudio and torchvision as name==version lines."""
    return "".join(f"{block.split()[0]}\n" for name, block in entries(lock) if name in TORCH)


def others(lock: str) -> str:
    """Return the entries that neither belong to torch nor are unused."""
    return "".join(
        block for name, block in entries(lock) if not belongs_to_torch(name) and name not in UNUSED
    )


def libraries() -> str:
    """Return the CUDA libraries that the installed torch requires, one a line; none for a CPU build."""
    asked = [line for line in requires("torch") or () if name_of(line).startswith(LIBRARY_PREFIX)]
    return "".join(f"{line}\n" for line in asked)


def main(arguments: list[str]) -> None:
    """Print one of the four lists."""
    match arguments:
        case ["libraries"]:
            sys.stdout.write(libraries())
        case [("locked" | "versions" | "others") as wanted, path]:
            text = Path(path).read_text(encoding="utf-8")
            sys.stdout.write({"locked": locked, "versions": versions, "others": others}[wanted](text))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
