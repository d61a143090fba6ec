"""`python -m tools.release`: called by the release workflow; needs nothing but Python.

notes VERSION        print the section of CHANGELOG.md about VERSION
compose-file IMAGE   print docker-compose.yml for whoever has no clone: it runs IMAGE and builds nothing
check TAG            end with status 1 unless TAG, the package and CHANGELOG.md name the same version
"""

import argparse
import sys
from pathlib import Path

from tools.release.changelog import notes
from tools.release.compose import compose_file
from tools.release.version import disagreement

ROOT = Path(__file__).parents[2]


def main(arguments: list[str]) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.release", description=__doc__)
    parser.add_argument("command", choices=["notes", "compose-file", "check"])
    parser.add_argument("argument", metavar="VERSION, IMAGE or TAG")
    asked = parser.parse_args(arguments)
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        if asked.command == "notes":
            print(notes(changelog, asked.argument), end="")
        elif asked.command == "compose-file":
            compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
            print(compose_file(compose, asked.argument), end="")
        else:
            package = (ROOT / "app" / "__init__.py").read_text(encoding="utf-8")
            reason = disagreement(asked.argument, package, changelog)
            if reason is not None:
                raise ValueError(reason)
    except ValueError as exc:
        print(f"release: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
