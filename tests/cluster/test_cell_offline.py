"""What make cluster starts, without a network: it transcribes as one process does, and sends nothing out."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.service import ROOT, running_service

pytest.importorskip("ray", reason="Ray is missing: make cluster-test installs it")

NOT_ALLOWED = 77
SENTENCE = ROOT / "tests" / "data" / "sentence-en-1.flac"


def test_a_cell_on_the_demo_models_needs_no_network_and_asks_for_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.cluster.isolated_cell", str(SENTENCE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
    if done.returncode == NOT_ALLOWED:
        pytest.skip("this machine lets nobody make a network namespace")
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["probed"] >= 1
    assert result["sent"] == 0
    assert result["status"] == 200
    with running_service(tmp_path) as service:
        alone = httpx.post(f"{service.url}/asr", files={"audio_file": SENTENCE.read_bytes()}, timeout=120)
    assert result["answer"] == alone.json()
