"""The service as a process of its own on fake engines: real signals, disks and sockets without a model.

A stage, the one that the second argument names or else transcribing, makes a file with the suffix .entered
and waits until the file that the first argument names exists. Other words in second place: "deaf" work never
ends and never looks up, "native" work is deaf inside of torch, "unloaded" engines are being loaded for ever.
"""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from app.logs import configure_logging
from app.main import create_app
from app.serving import serve_app
from app.settings.schema import Settings
from tests.fake_engines import FakeEngines, LoadedFakes


def main(gate_path: str, manner: str = "") -> NoReturn:
    gate = Path(gate_path)
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level)
    engines = LoadedFakes() if manner == "unloaded" else FakeEngines()
    engines.gate.clear()
    if manner in ("align", "diarize"):
        engines.waits_in = manner

    def open_gate() -> None:
        engines.entered.wait()
        gate.with_suffix(".entered").touch()
        while not gate.exists():
            time.sleep(0.01)
        engines.gate.set()

    threading.Thread(target=open_gate, daemon=True).start()
    if manner == "deaf":
        engines.transcribe = lambda *_: time.sleep(600)  # type: ignore[method-assign,assignment]
    if manner == "native":
        engines.transcribe = endless_torch()  # type: ignore[method-assign]
    serve_app(create_app(settings, engines=engines), settings, host="127.0.0.1")


def endless_torch() -> Callable[..., NoReturn]:
    import torch

    square = torch.rand(500, 500)

    def work(*_: object) -> NoReturn:
        while True:
            torch.mm(square, square)

    return work


if __name__ == "__main__":
    main(*sys.argv[1:])
