"""The service as a process of its own on fake engines: real signals, disks and sockets without a model.

Transcribing waits until the file that the argument names exists.
"""

import sys
import threading
import time
from pathlib import Path

import uvicorn

from app.main import create_app
from app.serving import DrainingServer
from app.settings import Settings
from tests.fake_engines import FakeEngines


def main(gate: Path, deaf: bool) -> int:
    settings = Settings()
    engines = FakeEngines()
    engines.gate.clear()

    def open_gate() -> None:
        while not gate.exists():
            time.sleep(0.01)
        engines.gate.set()

    threading.Thread(target=open_gate, daemon=True).start()
    if deaf:
        engines.transcribe = lambda *_: time.sleep(600)  # type: ignore[method-assign,assignment]
    app = create_app(settings, engines=engines)
    config = uvicorn.Config(
        app, host="127.0.0.1", port=settings.port, log_config=None, lifespan="on", timeout_graceful_shutdown=3
    )
    server = DrainingServer(config, app, settings.shutdown_grace_seconds)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), deaf="deaf" in sys.argv[2:]))
