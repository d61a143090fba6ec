"""Measures how real voices are heard by the service and by the libraries, and keeps what comes out."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.__main__ import RESULTS
from benchmarks.speech.fetch import CACHE, CannotFetch, fetch
from benchmarks.speech.figures import figures
from benchmarks.speech.recordings import SpeechSet
from benchmarks.speech.run import Checkpoints, measure
from benchmarks.speech.sets import SETS, Source, build
from benchmarks.speech.systems import SYSTEMS, System


def main() -> None:
    """Run the command line."""
    asked = _arguments()
    try:
        material = fetch(asked.cache)
    except CannotFetch as exc:
        sys.exit(f"the real recordings cannot be measured: {exc}")
    source = Source(material, asked.meetings, asked.short)
    form = "short" if asked.short else "full"
    checkpoints = Checkpoints(asked.cache / "checkpoints" / f"{asked.model}-{form}", asked.again)
    systems = {name: SYSTEMS[name](material.model(asked.model)) for name in asked.only}
    results = {each.name: _measured(each, systems, checkpoints) for each in build(source, asked.sets)}
    if not asked.short:
        _keep(asked.model, results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SYSTEMS, default=[*SYSTEMS], help="systems")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=[*SETS], help="sets")
    parser.add_argument("--model", choices=["base", "tiny.en"], default="base")
    parser.add_argument("--short", action="store_true", help="a little of each set; results are not kept")
    parser.add_argument("--again", action="store_true", help="measure again what was measured before")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where packages and checkpoints lie")
    parser.add_argument(
        "--meetings", type=Path, help="a directory of recordings and .rttm files; speech missed in them"
    )
    return parser.parse_args()


def _measured(
    asked: SpeechSet, systems: dict[str, System], checkpoints: Checkpoints
) -> dict[str, dict[str, Any]]:
    """Return the figures of each system on one set, printed as they come."""
    print(f"\n{asked.name}", flush=True)
    found: dict[str, dict[str, Any]] = {}
    for name, system in systems.items():
        if name == "ours" or asked.references:
            known = checkpoints.of(name, asked, partial(measure, system, asked))
            found[name] = figures(asked.measures, known["sums"])
            print(f"  {name}: {_in_words(found[name])}", flush=True)
    return found


def _in_words(shown: dict[str, float]) -> str:
    return "; ".join(f"{name} {value:g}" for name, value in shown.items())


def _keep(model: str, results: dict[str, dict[str, Any]]) -> None:
    """Write the figures into this machine's file, beside those of other sets and systems."""
    path = RESULTS / f"speech-{machine.label('cpu')}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    sets = kept.get(model, {}).get("sets", {})
    for name, found in results.items():
        sets.setdefault(name, {}).update(found)
    kept[model] = {"machine": machine.describe(), "sets": sets}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
