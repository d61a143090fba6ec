"""Runs the measurements that are named, prints them, and keeps them in benchmarks/results."""

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

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
from benchmarks.card import formats, large, peaks, service, start
from benchmarks.pairs import Comparison, Figure
from benchmarks.scale import Scale

RESULTS = Path(__file__).parent / "results"
Benchmark: TypeAlias = Callable[[Scale], Iterable[Comparison | Figure]]
BENCHMARKS: dict[str, Benchmark] = {
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
ON_A_CARD: dict[str, Benchmark] = {
    "formats": formats.run,
    "start": start.run,
    "large": large.run,
    "memory": peaks.run,
    "service": service.run,
}
"""What says something about a GPU alone; on a CPU it is run only to show that it runs."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    every = {**BENCHMARKS, **ON_A_CARD}
    parser.add_argument(
        "names",
        nargs="*",
        help=f"which to run, of {', '.join(every)}; by default those before {next(iter(ON_A_CARD))}",
    )
    parser.add_argument("--quick", action="store_true", help="only show that they run; results are not kept")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--cache", type=Path, default=Path(".cache/benchmarks"), help="where made models go")
    parser.add_argument("--pairs", type=int, default=5, help="how often each side is timed")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(every)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(every)}")
    scale = Scale(quick=asked.quick, device=asked.device, cache=asked.cache.resolve(), most_pairs=asked.pairs)
    for name in asked.names or BENCHMARKS:
        here, kept = machine.describe(), []
        print(f"\n{name}")
        for result in every[name](scale):
            print(f"  {_line(result)}", flush=True)
            kept.append(result.as_json())
            if not asked.quick:
                _keep(asked.results / f"{machine.label(asked.device)}.json", name, here, kept)


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


def _keep(path: Path, name: str, here: dict[str, Any], results: list[dict[str, Any]]) -> None:
    """Write what one benchmark has found so far into this machine's file, beside the others' results."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[name] = {"machine": here, "results": results}
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
