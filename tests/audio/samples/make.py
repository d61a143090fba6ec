"""Encodes the known sound where ffmpeg's own build has no encoder: AMR-WB, GSM, Musepack and Speex.

    apt-get install libvo-amrwbenc0 libgsm1 musepack-tools speex
    .venv/bin/python -m tests.audio.samples.make

The results lie beside this file, since few machines have these encoders.
"""

import ctypes
import struct
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE
from tests.audio.sounds import RATE, known_sound, write_wave

HERE = Path(__file__).parent
FRAME_SAMPLES = 320
"""20 ms at 16 kHz, what AMR-WB encodes at a time."""
GSM_OPTION_MICROSOFT = 4
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


def gsm(samples: NDArray[np.int16], microsoft: bool) -> bytes:
    """Return the samples, at 8 kHz, as frames of GSM 06.10: of 33 bytes, or Microsoft's pairs of 65."""
    library = ctypes.CDLL("libgsm.so.1")
    library.gsm_create.restype = ctypes.c_void_p
    library.gsm_option.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
    library.gsm_encode.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    encoder = library.gsm_create()
    library.gsm_option(encoder, GSM_OPTION_MICROSOFT, ctypes.byref(ctypes.c_int(microsoft)))
    encoded = b""
    for number, start in enumerate(range(0, len(samples) - 159, 160)):
        frame = ctypes.create_string_buffer(33)
        library.gsm_encode(encoder, samples[start : start + 160].tobytes(), frame)
        # The first of a pair fills 32 bytes and a half; the half comes with the second.
        encoded += frame.raw[: 32 if microsoft and number % 2 == 0 else 33]
    return encoded


def gsm_wave(frames: bytes) -> bytes:
    """Return Microsoft's GSM frames as a WAV."""
    form = struct.pack("<HHIIHHHH", 0x31, 1, 8000, 1625, 65, 0, 2, 320)
    body = b"fmt " + struct.pack("<I", len(form)) + form
    body += b"fact" + struct.pack("<II", 4, len(frames) // 65 * 320)
    body += b"data" + struct.pack("<I", len(frames)) + frames
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


def main() -> None:
    """Write all files."""
    telephone = (known_sound()[:: RATE // 8000] * 32767).astype("<i2")
    (HERE / "gsm.gsm").write_bytes(gsm(telephone, microsoft=False))
    (HERE / "gsm_ms.wav").write_bytes(gsm_wave(gsm(telephone, microsoft=True)))
    sound = known_sound()[:: RATE // SAMPLE_RATE]
    samples = (sound * 32767).astype("<i2")
    (HERE / "amr_wb.amr").write_bytes(amr_wideband(samples))
    with tempfile.TemporaryDirectory() as directory:
        source = write_wave(Path(directory) / "source.wav", sound, SAMPLE_RATE)
        stereo = write_wave(Path(directory) / "stereo.wav", known_sound(), RATE, channels=2)
        subprocess.run(["mpcenc", "--radio", "--overwrite", stereo, HERE / "musepack.mpc"], check=True)
        subprocess.run(["speexenc", "--quality", "10", source, HERE / "speex.spx"], check=True)


if __name__ == "__main__":
    main()
