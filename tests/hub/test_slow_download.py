"""Requests, the watchdog and SIGTERM while a model arrives slowly from the hub."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.hub.local_hub import LocalHub, Repository, local_hub
from tests.in_process import tone
from tests.service import ROOT, Service, forked_service
from tests.wire import form, head, wait_until

WHISPER = "Systran/faster-whisper-tiny"
PATH = "/asr?model=tiny&language=en&diarize=false&word_timestamps=false"
WATCHDOG_SECONDS = 3


def settings(endpoint: str, **more: str) -> dict[str, str]:
    ours = {"HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0", "PRELOAD_DIARIZATION": "false"}
    return {**ours, "PRELOAD_LANGUAGE": "none", **more}


def slow_whisper() -> Repository:
    """The demo's Whisper under another name; the file of its weights takes 45 seconds to arrive."""
    return Repository(ROOT / "app" / "demo" / "whisper", seconds_per_chunk=1.0)


def downloads(hub: LocalHub) -> int:
    return sum(seen.method == "GET" and seen.path.endswith("model.bin") for seen in hub.requests)


def ask(service: Service) -> httpx.Response:
    return httpx.post(f"{service.url}{PATH}", files={"audio_file": tone(1)}, timeout=60)


def leaving(service: Service) -> socket.socket:
    """Return a connection with a request on it, for its client to hang up."""
    address = urlsplit(service.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    body = form(tone(1))
    connection.sendall(head(len(body), path=PATH) + body)
    return connection


def test_a_slow_download_is_shared_left_and_waited_for(tmp_path: Path) -> None:
    """Who leaves frees the slot, the download goes on for the next, and nobody takes the wait for a hang."""
    with local_hub() as hub, ThreadPoolExecutor(1) as executor:
        hub.repositories = {WHISPER: slow_whisper()}
        chosen = settings(hub.endpoint, PRELOAD_MODEL="none", WATCHDOG_SECONDS=str(WATCHDOG_SECONDS))
        with forked_service(tmp_path, chosen) as service:

            def running() -> int:
                return int(service.health().json()["queue"]["running"])

            with leaving(service):
                wait_until(lambda: downloads(hub) == 1, seconds=30)
                assert running() == 1
            assert wait_until(lambda: running() == 0) < 2
            patient = executor.submit(ask, service)
            wait_until(lambda: running() == 1)
            until = time.monotonic() + 1.5 * WATCHDOG_SECONDS
            while time.monotonic() < until:
                assert service.health().json()["status"] == "healthy"
                time.sleep(0.2)
            assert not patient.done()
            hub.repositories[WHISPER].seconds_per_chunk = 0
            assert patient.result().status_code == 200, service.log
            assert downloads(hub) == 1


def test_sigterm_does_not_wait_for_a_download(tmp_path: Path) -> None:
    with local_hub() as hub:
        hub.repositories = {WHISPER: slow_whisper()}
        chosen = settings(hub.endpoint, PRELOAD_MODEL="tiny")
        with forked_service(tmp_path, chosen, wait_for="loading") as service:
            wait_until(lambda: downloads(hub) == 1, seconds=60)
            began = time.monotonic()
            assert service.stop() == 0
            assert time.monotonic() - began < 5
            assert "broken off" in service.log
