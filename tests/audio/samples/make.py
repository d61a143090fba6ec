"""Encodes the known sound where ffmpeg's own build has no encoder: AMR-WB and Speex.

    apt-get install libvo-amrwbenc0 speex
    .venv/bin/python -m tests.audio.samples.make

The results lie beside this file, since few machines have these encoders.
"""

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.audio import SAMPLE_RATE
from tests.audio.sounds import RATE, known_sound, write_wave

HERE = Path(__file__).parent
FRAME_SAMPLES = 320
"""20 ms at 16 kHz, what AMR-WB encodes at a time."""
MODE = 8
"""23.85 kbit/s, the best of AMR-WB."""
LONGEST_FRAME_BYTES = 61


def amr_wideband(samples: NDArray[np.int16]) -> bytes:
    """Return the samples, at 16 kHz, as an AMR-WB file (RFC 4867)."""
    library = ctypes.CDLL("libvo-amrwbenc.so.0")
    library.E_IF_init.restype = ctypes.c_void_p
    library.E_IF_exit.argtypes = [ctypes.c_void_p]
    library.E_IF_encode.argtypes = [
        *(ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int),
    ]
    encoder = library.E_IF_init()
    frame = ctypes.create_string_buffer(LONGEST_FRAME_BYTES)
    encoded = b"#!AMR-WB\n"
    for start in range(0, len(samples), FRAME_SAMPLES):
        block = samples[start : start + FRAME_SAMPLES].tobytes()
        size = library.E_IF_encode(encoder, MODE, block, frame, 0)
        encoded += frame.raw[:size]
    library.E_IF_exit(encoder)
    return encoded


def main() -> None:
    """Write both files."""
    sound = known_sound()[:: RATE // SAMPLE_RATE]
    samples = (sound * 32767).astype("<i2")
    (HERE / "amr_wb.amr").write_bytes(amr_wideband(samples))
    with tempfile.TemporaryDirectory() as directory:
        source = write_wave(Path(directory) / "source.wav", sound, SAMPLE_RATE)
        subprocess.run(["speexenc", "--quality", "10", source, HERE / "speex.spx"], check=True)


if __name__ == "__main__":
    main()
