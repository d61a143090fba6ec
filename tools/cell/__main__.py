"""`python -m tools.cell`: a cell of two replicas on the demo models, until Ctrl+C; `make cluster` runs it."""

import argparse
import signal
import sys
import threading

from tools.cell.cell import ROOT, CellFailed, running_cell, serve_config

DEMO = {
    "PRELOAD_MODEL": "demo",
    "HF_HUB_OFFLINE": "1",
    "DEVICE": "cpu",
    "HOST": "127.0.0.1",
    "CACHE_DIR": str(ROOT / ".cache"),
}


def main() -> int:
    """Return 0 when the cell was ended by a signal, 1 with the reason when it did not come up."""
    parser = argparse.ArgumentParser(prog="python -m tools.cell", description=__doc__)
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--replicas", type=int, default=2)
    chosen = parser.parse_args()
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    print(f"Starting Ray and {chosen.replicas} replicas on the demo models; half a minute", flush=True)
    try:
        with running_cell(
            DEMO,
            port=chosen.port,
            config=lambda port: serve_config(port, chosen.replicas),
            replicas=chosen.replicas,
            cpus=chosen.replicas + 2,
        ) as cell:
            print(f"{cell.url} answers until Ctrl+C; logs below {cell.directory}", flush=True)
            over.wait()
    except CellFailed as exc:
        print(f"The cell failed: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
