"""Run as a script: a cell on the demo models in a network of its own, whose one way out is counted.

    python -m tests.cluster.isolated_cell RECORDING

The way leads nowhere; every packet that any process of the cell sends there shows in its count. The result
is one JSON object on standard output. Exit status 77: this machine does not allow such a network to be made.
"""

import json
import socket
import subprocess
import sys
from pathlib import Path

import httpx

from tests.hub.isolated import PROBE, leave_the_network
from tools.cell.__main__ import DEMO
from tools.cell.cell import running_cell, serve_config

WAY_OUT = (
    "ip link add out type veth peer name nowhere",
    "ip link set nowhere up",
    "ip address add 192.0.2.9/32 dev out",
    "ip link set out arp off up",
    "ip route add default dev out",
)


def open_a_way_to_nowhere() -> None:
    for name in ("all", "default"):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1")
    for command in WAY_OUT:
        subprocess.run(command.split(), check=True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.sendto(b"is this counted", (PROBE, 9))


def sent_out() -> int:
    """Return how many packets took the way out, by proc(5)."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    (fields,) = [line.split(":")[1].split() for line in lines if line.strip().startswith("out:")]
    return int(fields[9])


def main(recording: str) -> int:
    if not leave_the_network():
        return 77
    open_a_way_to_nowhere()
    probed = sent_out()
    with (
        running_cell(DEMO, config=lambda port: serve_config(port, 2), replicas=2) as cell,
        open(recording, "rb") as audio,
    ):
        answer = httpx.post(f"{cell.url}/asr", files={"audio_file": audio}, timeout=240)
    sent = sent_out() - probed
    print(json.dumps({"probed": probed, "sent": sent, "status": answer.status_code, "answer": answer.json()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
