"""What CTranslate2 loads by name on a GPU is what torch brings along: seen without one."""

import importlib.metadata
import platform
import re
import subprocess
import sys
from pathlib import Path

import ctranslate2
import pytest

LOAD = "import ctypes, sys, app.engines.whisper.transcriber; [ctypes.CDLL(name) for name in sys.argv[1:]]"


@pytest.mark.skipif(platform.system() != "Linux" or platform.machine() != "x86_64", reason="no CUDA there")
@pytest.mark.skipif("+cpu" in importlib.metadata.version("torch"), reason="torch without CUDA is installed")
def test_ctranslate2_finds_the_cuda_libraries_of_torch() -> None:
    """CTranslate2 ships none of its own: another major version in torch, and every GPU request would fail."""
    (library,) = (Path(ctranslate2.__file__).parent.parent / "ctranslate2.libs").glob("libctranslate2*.so*")
    names = {
        name.decode() for name in re.findall(rb"lib(?:cublas|cublasLt|cudnn)\.so\.\d+", library.read_bytes())
    }
    assert names
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOAD, *names], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
