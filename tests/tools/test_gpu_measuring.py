"""What is measured on a GPU, in its quick form on the CPU, so that it cannot rot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.card import large, peaks, start
from benchmarks.card.engines import Choice
from benchmarks.scale import Scale
from tests.service import ROOT


def quick(cache: Path) -> Scale:
    return Scale(quick=True, device="cpu", cache=cache)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.mark.filterwarnings("ignore")
def test_the_whole_pipeline_is_measured_beside_whisperx(cache: Path) -> None:
    alone, beside, compared = large.run(quick(cache))
    assert alone.as_json()["value"] > 0
    assert "transcribe" in beside.as_json()["note"]
    found = compared.as_json()
    assert found["ratio"] > 0
    ours, theirs = (int(word) for word in found["equality"].split() if word.isdigit())
    assert ours == theirs > 10


@pytest.mark.filterwarnings("ignore")
def test_peaks_and_starts_are_measured(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    peaks.main(Choice("tiny", "int8", 2), "cpu", cache, 3.0)
    assert capsys.readouterr().out == "[0.0, 0.0]\n"
    start.main("cpu", 0.0)
    assert capsys.readouterr().out.count(",") == 3


def test_the_script_runs_its_steps(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DEVICE": "cpu",
        "QUICK": "1",
        "PACK": "",
        "PYTHON": sys.executable,
        "OUT": str(tmp_path / "out"),
        "WORK": str(tmp_path / "work"),
    }
    done = subprocess.run(
        ["bash", "tools/gpu/run", "formats", "nonsense"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Whisper in int8, words as on a CPU in int8: 100 %" in done.stdout
    assert "no step is called nonsense" in done.stdout
    assert "formats exit 0" in (tmp_path / "out" / "steps.txt").read_text()
