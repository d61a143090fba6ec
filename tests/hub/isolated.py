"""Run as a script: a service in a network namespace without any route, one request, and what it tried.

    python isolated.py RECORDING DIRECTORY

The service runs under an audit hook that writes down every attempt to reach or to look up a host other than
the loopback, so that "it works without a network" and "it does not even try" are both shown. The result is
one JSON object on standard output. Exit status 77: this machine does not allow a namespace to be made.
"""

import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import requests

from tests.service import exit_status

START_SECONDS = 240
CLONE_NEWNET = 0x40000000
PROBE = "192.0.2.1"
"""An address that leads nowhere; the guard must see it tried, or it would prove nothing."""
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1

GUARDED = """
import os, runpy, socket, sys
log = open({log!r}, "a", buffering=1)
LOCAL = ("127.", "::1", "localhost", "0.0.0.0")
def watch(event, arguments):
    if event == "socket.connect":
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else ""
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode()
    if host and not str(host).startswith(LOCAL):
        log.write(f"{{event}} {{host}}\\n")
sys.addaudithook(watch)
try:
    socket.create_connection(({probe!r}, 80), 0.1)
except OSError:
    pass
sys.argv = ["app", "serve", "--host", "127.0.0.1", "--port", {port!r}]
runpy.run_module("app", run_name="__main__", alter_sys=True)
"""


def leave_the_network() -> bool:
    """Move this process into a network of its own, in which only the loopback exists."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return True


def wait_until_ready(url: str, service: "subprocess.Popen[bytes]") -> dict[str, object]:
    deadline = time.monotonic() + START_SECONDS
    health: dict[str, object] = {}
    while time.monotonic() < deadline and service.poll() is None:
        try:
            health = requests.get(f"{url}/health", timeout=5).json()
            if health["status"] != "loading":
                return health
        except requests.RequestException:
            pass
        time.sleep(0.1)
    return {"status": f"no answer; exit status {service.poll()}", **health}


def main(recording: str, directory: str) -> int:
    if not leave_the_network():
        return 77
    port = "18080"
    url = f"http://127.0.0.1:{port}"
    attempts = Path(directory) / "attempts.txt"
    attempts.touch()
    code = GUARDED.format(log=str(attempts), port=port, probe=PROBE)
    log_path = Path(directory) / "service.log"
    started = time.monotonic()
    with log_path.open("wb") as log:
        service = subprocess.Popen([sys.executable, "-c", code], cwd=directory, stdout=log, stderr=log)
    try:
        health = wait_until_ready(url, service)
        seconds = time.monotonic() - started
        with open(recording, "rb") as audio:
            answer = requests.post(
                f"{url}/asr", files={"audio_file": audio}, data={"language": "en"}, timeout=240
            )
    finally:
        service.terminate()
        status = exit_status(service, log_path, 60)
    print(
        json.dumps(
            {
                "health": health,
                "ready_seconds": seconds,
                "status": answer.status_code,
                "answer": answer.json(),
                "exit_status": status,
                "attempts": attempts.read_text().splitlines(),
                "log": log_path.read_text(errors="replace")[-4000:],
            }
        )
    )
    return 0


if __name__ == "__main__":
    assert os.path.exists(sys.argv[1])
    sys.exit(main(*sys.argv[1:]))
