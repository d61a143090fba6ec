"""A box with several cards: deploy/haproxy.cfg as it is delivered, before as many real service processes.

Each process listens on an address of its own of the loopback, as a container has one of its own, and HAProxy
finds them through a name server, as it does with Docker.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.cluster.name_server import NameServer, name_server
from tests.cluster.programs import find_haproxy
from tests.service import ROOT, free_port
from tests.wire import wait_until

START_SECONDS = 60


@dataclass
class Card:
    """One process of the service."""

    name: str
    host: str
    port: int
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def status(self) -> int:
        """Return the status of its /health; 0 for no answer."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5).status_code
        except httpx.TransportError:
            return 0


@dataclass
class Box:
    """HAProxy and the cards behind it."""

    directory: Path
    names: NameServer
    settings: dict[str, str]
    card_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    figures_port: int = field(default_factory=free_port)
    cards: list[Card] = field(default_factory=list)
    haproxy: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def journal(self) -> Path:
        return self.directory / "journal"

    @property
    def log(self) -> str:
        return (self.directory / "haproxy.log").read_text(encoding="utf-8")

    def add_card(self) -> Card:
        """Start one more process and return it; HAProxy learns of it from the name server."""
        number = len(self.cards)
        name, host = f"card-{number}", f"127.0.0.{number + 11}"
        log = self.directory / f"{name}.log"
        command = [sys.executable, "-m", "tests.cluster.sleeping_service", name, str(self.journal), host]
        card = Card(name, host, self.card_port, start(command, self._card_settings(name), log), log)
        self.cards.append(card)
        wait_until(lambda: card.status() == 200, START_SECONDS)
        self.names.addresses = [*self.names.addresses, host]
        return card

    def _card_settings(self, name: str) -> dict[str, str]:
        return {
            "PORT": str(self.card_port),
            "PRELOAD_MODEL": "demo",
            "DEVICE": "cpu",
            "CACHE_DIR": str(self.directory / "cache"),
            "TEMP_DIR": str(self.directory / name),
            "FORWARDED_ALLOW_IPS": "*",
            "SHUTDOWN_DELAY_SECONDS": "5",
            "PYTHONPATH": str(ROOT),
            **self.settings,
        }

    def start_haproxy(self) -> None:
        """Start HAProxy and wait until it knows every card."""
        environment = {
            "LISTEN": f"127.0.0.1:{self.port}",
            "FIGURES": f"127.0.0.1:{self.figures_port}",
            "CARDS": f"cards:{self.card_port}",
            "RESOLVER": f"127.0.0.1:{self.names.port}",
            **self.settings,
        }
        command = [str(find_haproxy()), "-db", "-f", str(ROOT / "deploy" / "haproxy.cfg")]
        self.haproxy = start(command, environment, self.directory / "haproxy.log")
        wait_until(lambda: self.usable_cards() == len(self.names.addresses), 20)

    def usable_cards(self) -> int:
        """Return how many cards HAProxy sends work to."""
        return int(self.figure("haproxy_backend_active_servers", "transcription"))

    def waiting(self) -> int:
        """Return how many recordings wait in HAProxy."""
        return int(self.figure("haproxy_backend_current_queue", "transcription"))

    def figure(self, name: str, backend: str) -> float:
        try:
            text = httpx.get(f"http://127.0.0.1:{self.figures_port}/metrics", timeout=5).text
        except httpx.TransportError:
            return -1
        line = next(line for line in text.splitlines() if line.startswith(f'{name}{{proxy="{backend}"'))
        return float(line.split()[-1])


def start(command: list[str], settings: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    """Start a process whose environment is `settings` and little else."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with log.open("ab") as output:
        return subprocess.Popen(
            command, env={**inherited, **settings}, cwd=log.parent, stdout=output, stderr=output
        )


def end(process: "subprocess.Popen[bytes]") -> None:
    """Kill a process, stopped or not, and wait for it."""
    process.kill()
    process.send_signal(signal.SIGCONT)
    process.wait(10)


@contextmanager
def box(directory: Path, cards: int = 2, beside: int | None = None, **settings: str) -> Iterator[Box]:
    """Yield a running box; `settings` reach the cards and HAProxy alike.

    With `beside` the one card is a service that listens on that port of 127.0.0.1 already.
    """
    chosen = {name.upper(): value for name, value in settings.items()}
    with ExitStack() as stack:
        names = stack.enter_context(name_server([]))
        built = Box(directory, names, chosen)
        if beside is not None:
            cards, built.card_port, names.addresses = 0, beside, ["127.0.0.1"]
        try:
            for _ in range(cards):
                built.add_card()
            built.start_haproxy()
            yield built
        finally:
            for process in [card.process for card in built.cards] + [built.haproxy]:
                if process is not None:
                    end(process)
