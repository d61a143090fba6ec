"""Memory of the real service on the demo bundle: long recordings in a row, and an upload of a gigabyte.

    nice .venv/bin/python -m benchmarks.memory [--hours 3] [--repeat 10] [--upload-mb 1000]

Writes benchmarks/results/memory.json after every recording; exit 1 if a recording takes more than 300 MB per
hour of audio beyond the models, if ten in a row grow, or if an upload is held in memory.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import imageio_ffmpeg
import psutil

from benchmarks.machine import describe
from tests.service import ROOT, Service, running_service

RESULTS = ROOT / "benchmarks" / "results" / "memory.json"
MEETING = ROOT / "app" / "demo" / "meeting.flac"
MEGABYTES_PER_HOUR = 300
SETTINGS = {
    "REQUEST_TIMEOUT": "36000",
    "WATCHDOG_SECONDS": "36000",
    "DECODE_TIMEOUT_SECONDS": "1800",
    "MAX_FILE_SIZE_MB": "2000",
}


class Peak:
    """The most memory that a process and its children hold while the block runs, in MB."""

    def __init__(self, process: psutil.Process) -> None:
        self.megabytes = 0.0
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self.megabytes = max(self.megabytes, resident(self._process))


def resident(process: psutil.Process) -> float:
    total = process.memory_info().rss
    for child in process.children(recursive=True):
        try:
            total += child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def long_recording(directory: Path, hours: float) -> Path:
    """Return the sample meeting over and over."""
    path = directory / "long.flac"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-stream_loop", "-1", "-i", str(MEETING)]
    subprocess.run([*command, "-t", str(hours * 3600), "-c:a", "flac", str(path)], check=True)
    return path


def transcribe(service: Service, recording: Path) -> tuple[float, float]:
    """Return the peak in MB and the seconds it took."""
    process = psutil.Process(service.process.pid)
    began = time.monotonic()
    with Peak(process) as peak, recording.open("rb") as content:
        answer = httpx.post(f"{service.url}/asr", files={"audio_file": content}, timeout=None)
    answer.raise_for_status()
    return peak.megabytes, time.monotonic() - began


def upload(service: Service, megabytes: int) -> float:
    """Return by how many MB the service grows while it receives a file of `megabytes`."""
    process = psutil.Process(service.process.pid)
    before = resident(process)
    host, port = service.url.removeprefix("http://").split(":")
    head = "POST /asr HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    part = b'--b\r\nContent-Disposition: form-data; name="audio_file"\r\n\r\n'
    with Peak(process) as peak, socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + b"Content-Length: 1900000000\r\n\r\n" + part)
        for _ in range(megabytes):
            connection.sendall(bytes(1_000_000))
    return peak.megabytes - before


@dataclass
class Measured:
    """What is known so far; memory in MB."""

    hours: float
    loaded: float
    upload_mb: int
    grown_by_upload: float
    runs: list[dict[str, float]] = field(default_factory=list)

    def add(self, peak: float, seconds: float, after: float) -> None:
        run = {"beyond_models_mb": peak - self.loaded, "seconds": seconds, "after_mb": after}
        self.runs.append({name: round(value, 1) for name, value in run.items()})

    @property
    def mb_per_hour(self) -> float:
        return round(max(run["beyond_models_mb"] for run in self.runs) / self.hours, 1)

    @property
    def good(self) -> bool:
        flat = self.runs[-1]["beyond_models_mb"] <= self.runs[0]["beyond_models_mb"] + 50
        return flat and self.mb_per_hour <= MEGABYTES_PER_HOUR and self.grown_by_upload < 50

    def figures(self) -> dict[str, Any]:
        return {
            "machine": describe(),
            "models_loaded_mb": round(self.loaded, 1),
            "upload_mb": self.upload_mb,
            "grown_by_upload_mb": round(self.grown_by_upload, 1),
            "mb_per_hour": self.mb_per_hour,
            "runs": self.runs,
        }


def keep(measured: Measured) -> None:
    """Write what is known so far beside the results for other lengths."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    kept[f"{measured.hours:g} h"] = measured.figures()
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=3)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--upload-mb", type=int, default=1000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, running_service(Path(name), SETTINGS) as service:
        transcribe(service, MEETING)
        loaded = resident(psutil.Process(service.process.pid))
        grown_by_upload = upload(service, chosen.upload_mb)
        recording = long_recording(Path(name), chosen.hours)
        measured = Measured(chosen.hours, loaded, chosen.upload_mb, grown_by_upload)
        for _ in range(chosen.repeat):
            measured.add(*transcribe(service, recording), resident(psutil.Process(service.process.pid)))
            keep(measured)
            print(measured.runs[-1], flush=True)
    print(json.dumps(measured.figures(), indent=2))
    return 0 if measured.good else 1


if __name__ == "__main__":
    sys.exit(main())
