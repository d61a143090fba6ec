"""Which ffmpeg decodes. Imports no numpy: it is looked for before the processor is known to bear that."""

import shutil
import subprocess
from functools import cache


def find_ffmpeg() -> str:
    """Return the ffmpeg on PATH, else the one that the imageio-ffmpeg wheel carries.

    Raises:
        FileNotFoundError: there is neither.
    """
    on_path = shutil.which("ffmpeg")
    if on_path is not None:
        return on_path
    try:
        # Only here, since the container image has an ffmpeg on PATH and not this wheel.
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as exc:
        raise FileNotFoundError("no ffmpeg found: install it, or the imageio-ffmpeg wheel") from exc


@cache
def supports_fd_protocol(ffmpeg: str) -> bool:
    """Return whether `ffmpeg` can read an inherited descriptor with seeking (from version 6 on)."""
    listing = subprocess.run(
        [ffmpeg, "-hide_banner", "-protocols"], capture_output=True, stdin=subprocess.DEVNULL, timeout=30
    )
    return b"fd" in listing.stdout.split()
