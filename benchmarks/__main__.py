"""Runs the measurements that are named, prints them, and keeps them in benchmarks/results."""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import (
    align,
    batching,
    diarize,
    excerpts,
    growth,
    http,
    known_text,
    libraries,
    machine,
    page,
    progress,
    streaming,
    whole_pipeline,
)
from benchmarks.pairs import Comparison, Figure
from benchmarks.scale import Scale

RESULTS = Path(__file__).parent / "results"
BENCHMARKS: dict[str, Callable[[Scale], Sequence[Comparison | Figure]]] = {
    "align": align.run,
    "diarize": diarize.run,
    "pipeline": whole_pipeline.run,
    "http": http.overhead,
    "growth": growth.run,
    "concurrency": http.concurrency,
    "streaming": streaming.run,
    "refusals": http.refusals,
    "libraries": libraries.run,
    "progress": progress.run,
    "excerpts": excerpts.run,
    "page": page.run,
    "batching": batching.run,
    "known_text": known_text.run,
}


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which to run, of {', '.join(BENCHMARKS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="only show that they run; results are not kept")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"), help="where made models go")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(BENCHMARKS)
    if unknown:
        parser.error(
            f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}"
        )
    scale = Scale(quick=asked.quick, device=asked.device, cache=asked.cache.resolve())
    for name in asked.names or BENCHMARKS:
        here = machine.describe()
        results = BENCHMARKS[name](scale)
        print(f"\n{name}")
        for result in results:
            print(f"  {_line(result)}", flush=True)
        if not asked.quick:
            _keep(name, here, [result.as_json() for result in results], asked.device)


def _line(result: Comparison | Figure) -> str:
    shown = result.as_json()
    goal = f"   goal {shown['goal']}" if shown["goal"] is not None else ""
    if isinstance(result, Figure):
        return f"{result.name}: {result.value:.4g} {result.unit}{goal}   {result.note}"
    low, high = shown["ratio_spread"]
    return (
        f"{result.name}: {shown['ratio']:.2f}x ({low:.2f} to {high:.2f}), "
        f"{shown['reference_seconds']:.3g} s -> {shown['our_seconds']:.3g} s{goal}   {result.equality}"
    )


def _keep(name: str, here: dict[str, Any], results: list[dict[str, Any]], device: str) -> None:
    """Write the results of one benchmark into this machine's file, beside the others'."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{machine.label(device)}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[name] = {"machine": here, "results": results}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
