"""What is looked at before anything is loaded: a start that cannot succeed ends at once with a reason."""

import errno
import os
import platform
import re
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from app.audio.ffmpeg_binary import find_ffmpeg
from app.errors import InvalidSettings, reason_of
from app.work.upload_store import default_directory

CPU_INFO = Path("/proc/cpuinfo")
_FFMPEG_SECONDS = 30


def check_processor(cpu_info: Path = CPU_INFO, machine: str = "") -> None:
    """Look for the instructions without which the system kills the process inside the engines' libraries.

    Raises:
        InvalidSettings: an x86 processor without AVX. Where nothing can be known, nothing is said.
    """
    if (machine or platform.machine()) not in ("x86_64", "AMD64"):
        return
    try:
        flags = re.search(r"^flags\s*:(.*)$", cpu_info.read_text(errors="replace"), re.MULTILINE)
    except OSError:
        return
    if flags is not None and "avx" not in flags[1].split():
        raise InvalidSettings(
            "this processor has no AVX instructions, which numpy, torch and ONNX Runtime need: use another "
            "one; in a virtual machine set the CPU type to host, so that the guest sees what the host has"
        )


def check_cache(directory: Path, *, offline: bool) -> None:
    """Look whether models can be stored in CACHE_DIR; `offline` nothing is written there.

    Raises:
        InvalidSettings: it cannot be written.
    """
    if not offline:
        _check_writable("CACHE_DIR", directory)


def check_uploads(directory: Path | None) -> None:
    """Look whether uploads can be stored in TEMP_DIR, or in the system's temporary directory for None.

    Raises:
        InvalidSettings: it cannot be written.
    """
    _check_writable("TEMP_DIR", directory or _default_temp_dir())


def _default_temp_dir() -> Path:
    try:
        return default_directory()
    except OSError as exc:
        raise InvalidSettings("TEMP_DIR: no temporary directory can be written; set one that can") from exc


def _check_writable(setting: str, directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700 if setting == "TEMP_DIR" else 0o777)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as exc:
        if exc.errno in (errno.ENOSPC, errno.EDQUOT):
            return  # The service says so itself, and goes on when there is room again.
        who = f"uid {os.getuid()}, gid {os.getgid()}"
        raise InvalidSettings(
            f"{setting}={directory} cannot be written by {who} ({reason_of(exc)}): "
            f"make it writable (chown -R {os.getuid()} {directory}), or set {setting} to another directory"
        ) from exc


def check_ffmpeg() -> None:
    """Run the ffmpeg that will decode.

    Raises:
        InvalidSettings: there is none, or it does not run.
    """
    try:
        ffmpeg = find_ffmpeg()
    except FileNotFoundError as exc:
        raise InvalidSettings("no ffmpeg is found on PATH: install it (apt install ffmpeg)") from exc
    try:
        done = subprocess.run(
            [ffmpeg, "-version"], capture_output=True, stdin=subprocess.DEVNULL, timeout=_FFMPEG_SECONDS
        )
        reason = "" if done.stdout.startswith(b"ffmpeg version") else f"status {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as exc:
        reason = reason_of(exc)
    if reason:
        raise InvalidSettings(
            f"{ffmpeg}, the first ffmpeg on PATH, does not run ({reason}): install another one before it"
        )


def check_address(host: str, port: int) -> None:
    """Bind where the service will listen, for a moment.

    Raises:
        InvalidSettings: another program listens there, or the address is not this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as exc:
        raise InvalidSettings(f"HOST={host} is no address of this machine: {reason_of(exc)}") from exc
    for family, kind, protocol, _, address in found:
        try:
            _bind(family, kind, protocol, address)
        except OSError as exc:
            raise InvalidSettings(_cannot_listen(host, port, exc)) from exc


def _bind(family: int, kind: int, protocol: int, address: Any) -> None:
    try:
        probe = socket.socket(family, kind, protocol)
    except OSError:
        return  # The system lacks the whole family, as where IPv6 is off: the server leaves it out too.
    with probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind(address)


def _cannot_listen(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"PORT={port} is in use on {host}: stop what listens there, or set another PORT"
    if exc.errno == errno.EACCES:
        return f"PORT={port} may not be opened by uid {os.getuid()}: set one of 1024 or more"
    return f"HOST={host} is no address of this machine ({reason_of(exc)}): use 0.0.0.0 for all"
