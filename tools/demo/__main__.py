"""Command line: makes the demo bundle, or some of its steps."""

import argparse
import sys
import time
import warnings
from pathlib import Path

from .debian import SynthesisersMissing
from .steps import all_steps
from .workspace import Workspace


def main(arguments: list[str] | None = None) -> int:
    """0 when every asked step is done; 1 if Debian packages are missing."""
    steps = all_steps()
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("build/demo"), help="intermediate outputs")
    parser.add_argument("--bundle", type=Path, default=Path("app/demo"), help="where the bundle goes")
    parser.add_argument(
        "--tests", type=Path, default=Path("tests/data"), help="where the tests' recordings go"
    )
    names = [step.name for step in steps]
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="steps to run")
    parser.add_argument("--again", action="store_true", help="run the steps even if their outputs exist")
    parser.add_argument("--threads", type=int, default=2, help="of training and measuring")
    asked = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", module="pyannote|torchaudio|torch")  # about parts that are not used
    _use_threads(asked.threads)
    workspace = Workspace(asked.work, asked.bundle, asked.tests)
    for step in steps:
        if step.name not in asked.only:
            continue
        if step.is_done(workspace) and not asked.again:
            print(f"{step.name}: done before", flush=True)
            continue
        print(f"{step.name}: started", flush=True)
        started = time.monotonic()
        try:
            step.run(workspace)
        except SynthesisersMissing as missing:
            print(missing, file=sys.stderr)
            return 1
        print(f"{step.name}: finished in {time.monotonic() - started:.0f} s", flush=True)
    return 0


def _use_threads(count: int) -> None:
    import torch

    torch.set_num_threads(count)


if __name__ == "__main__":
    sys.exit(main())
