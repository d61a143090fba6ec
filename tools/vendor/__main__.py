"""`python -m tools.vendor`: fetch what lock.json names and is not there; `--again` fetches all of it."""

import sys

from tools.vendor import NotToBeHad, archive, packages, present, unpack


def main(arguments: list[str]) -> int:
    """Return 0, or 1 where something could not be had."""
    for package in packages().values():
        try:
            if arguments == ["--again"]:
                unpack(package, archive(package), package.path)
            print(f"{package.name} {package.version} in {present(package)}")
        except NotToBeHad as exc:
            print(exc, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
