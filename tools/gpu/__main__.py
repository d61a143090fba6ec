"""`python -m tools.gpu`: makes build/gpu/pack.tar.xz for a machine with torch, a GPU and no network.

In it are the packages of the locks, checked against their hashes, for Python 3.12 on x86-64; torch,
transformers and the like are those of that machine. What neither the service nor its benchmarks load is left
out. The same inputs give the same bytes. Needs binutils' `strip`. Then, there, beside the repository:
`bash tools/gpu/run`.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.gpu.packages import requirements
from tools.gpu.shrinking import shrink, unpack, write_archive

LOCKS = ("requirements.lock", "requirements-dev.lock")
PLATFORMS = (
    *(f"manylinux_{version}_x86_64" for version in ("2_28", "2_27", "2_24", "2_17")),
    *(f"{old}_x86_64" for old in ("manylinux2014", "manylinux2010", "manylinux1")),
)
MEBIBYTE = 1 << 20


def main(arguments: list[str]) -> int:
    """Make the pack; 1 if it and the repository do not fit together."""
    parser = argparse.ArgumentParser(prog="python -m tools.gpu", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build", "gpu"))
    parser.add_argument("--limit", type=float, default=60, help="most MiB for the repository and the pack")
    parser.add_argument("--whole-gpu-code", action="store_true", help="keep CTranslate2's as it is: 4.5 MiB")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    pack = asked.out / "pack.tar.xz"
    with tempfile.TemporaryDirectory() as name:
        wheels, site = Path(name, "wheels"), Path(name, "site")
        download(wheels, Path(name, "requirements.txt"))
        for wheel in sorted(wheels.glob("*.whl")):
            unpack(wheel, site)
        shrink(site, whole_gpu_code=asked.whole_gpu_code)
        write_archive(site, pack)
    return report(pack, asked.limit)


def download(wheels: Path, wanted: Path) -> None:
    """Fetch the wheels of the locked versions."""
    wanted.write_text(requirements("\n".join(Path(lock).read_text() for lock in LOCKS)))
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", "--require-hashes"]
    command += [f"--platform={platform}" for platform in PLATFORMS]
    subprocess.run([*command, "--dest", str(wheels), "--requirement", str(wanted)], check=True)


def report(pack: Path, limit: float) -> int:
    """Print what travels; 1 if it is too much."""
    listed = subprocess.run(["git", "ls-files", "-z"], check=True, capture_output=True).stdout.decode()
    repository = sum(Path(name).stat().st_size for name in listed.split("\0") if name and Path(name).exists())
    together = (repository + pack.stat().st_size) / MEBIBYTE
    print(f"{pack}: {pack.stat().st_size / MEBIBYTE:.1f} MiB, sha256 {digest(pack)}")
    print(f"with the repository {together:.1f} MiB, of at most {limit:g}")
    return 0 if together <= limit else 1


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
