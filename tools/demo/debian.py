"""The Debian packages that speak: which are missing, and installing them as root."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from .synthesis import espeak, festival, flite

FESTIVAL_VOICES = Path("/usr/share/festival/voices/english")


class SynthesisersMissing(Exception):
    """Debian packages are needed and cannot be installed from here; `packages` names them."""

    def __init__(self, packages: list[str]) -> None:
        self.packages = packages
        super().__init__(f"missing Debian packages; as root: apt-get install {' '.join(packages)}")


def require_synthesisers() -> None:
    """Returns when every synthesiser is there; root gets the missing ones installed.

    Raises SynthesisersMissing otherwise.
    """
    missing = missing_packages()
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update"], check=False)
        subprocess.run(["apt-get", "install", "--yes", "--no-install-recommends", *missing], check=False)
        missing = missing_packages()
    if missing:
        raise SynthesisersMissing(missing)


def missing_packages() -> list[str]:
    return list(_missing())


def _missing() -> Iterator[str]:
    present: dict[str, Callable[[], bool]] = {
        "libflite1": lambda: _loads(flite.LIBRARY),
        "libespeak-ng1": lambda: _loads(espeak.LIBRARY),
        "festival": lambda: shutil.which(festival.PROGRAM) is not None,
        "festvox-kdlpc16k": lambda: (FESTIVAL_VOICES / "ked_diphone").is_dir(),
    }
    for package, is_present in present.items():
        if not is_present():
            yield package


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
