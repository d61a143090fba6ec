"""Recordings that no encoder at hand writes, made bit by bit: their sound is chance, their length is not."""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

SECONDS = 3.0


@dataclass(frozen=True)
class Bitstream:
    """A file of SECONDS, and the decoder that ffmpeg needs for it."""

    decoder: str
    suffix: str
    content: bytes


def chance(length: int) -> bytes:
    return random.Random(length).randbytes(length)


def wave(
    code: int, rate: int, block_bytes: int, block_samples: int, extra: bytes = b"", bits: int = 0
) -> bytes:
    """Return a WAV of a codec that takes any bits."""
    body = chance(int(SECONDS * rate / block_samples) * block_bytes)
    rest = struct.pack(
        "<HHIIHHH", code, 1, rate, block_bytes * rate // block_samples, block_bytes, bits, len(extra)
    )
    form = b"fmt " + struct.pack("<I", len(rest + extra)) + rest + extra
    data = b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(form + data)) + b"WAVE" + form + data


def dictation() -> bytes:
    """Return a DSS file (dictation machines) in standard play: blocks of 512 bytes, frames of 264 samples."""
    head = bytearray(1024)
    head[:4] = b"\x02dss"
    head[0x26 : 0x26 + 24] = b"260101120000260101120003"
    frames = SECONDS * 11025 / 264
    return bytes(head) + chance(int(frames * 41 / 506) * 512)


def qualcomm(identity: str, mode: int, frame_bytes: int, rates: tuple[tuple[int, int], ...]) -> bytes:
    """Return a QCP file of frames of one rate."""
    frames = int(SECONDS * 50)
    form = bytes([1, 0]) + bytes.fromhex(identity) + struct.pack("<H", 1) + b"x".ljust(80, b"\0")
    form += struct.pack("<HHHHHI", 14000, frame_bytes + 1, 160, 8000, 16, len(rates))
    form = (form + b"".join(bytes(rate) for rate in rates)).ljust(150, b"\0")
    bits = chance(frames * frame_bytes)
    starts = range(0, len(bits), frame_bytes)
    body = b"".join(bytes([mode]) + bits[start : start + frame_bytes] for start in starts)
    rest = b"fmt " + struct.pack("<I", len(form)) + form + b"vrat" + struct.pack("<III", 8, 1, frames)
    rest += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(rest)) + b"QLCM" + rest


def layer_one() -> bytes:
    """Return MPEG audio of layer I at 32 kHz: one sub-band of square waves in every frame of 384 samples."""
    header = "1" * 11 + "11" + "11" + "1" + "0100" + "10" + "0" + "0" + "11" + "00" + "00" + "00"
    allocation = f"{14:04b}" + "0000" * 31 + f"{8:06b}"
    samples = "".join(f"{30000 if number // 3 % 2 else 2000:015b}" for number in range(12))
    frame = int((header + allocation + samples).ljust(192 * 8, "0"), 2).to_bytes(192, "big")
    return frame * int(SECONDS * 32000 / 384)


def _all() -> Iterator[Bitstream]:
    yield Bitstream("dss_sp", "dss", dictation())
    yield Bitstream("ilbc", "lbc", b"#!iLBC30\n" + chance(int(SECONDS / 0.03) * 50))
    yield Bitstream("truespeech", "wav", wave(0x22, 8000, 32, 240, struct.pack("<HH", 1, 240) + bytes(28)))
    yield Bitstream("g729", "wav", wave(0x83, 8000, 10, 80))
    yield Bitstream("msnsiren", "wav", wave(0x28E, 16000, 40, 320))
    yield Bitstream("mp1", "mp1", layer_one())
    rates = ((34, 4), (16, 3), (7, 2), (3, 1))
    yield Bitstream("qcelp", "qcp", qualcomm("416d7f5e15b1d011ba9100805fb4b97e", 4, 34, rates))
    yield Bitstream(
        "evrc", "qcp", qualcomm("8dd489e67690b54691ef736a5100ceb4", 4, 22, ((22, 4), (10, 3), (2, 1)))
    )


BITSTREAMS = tuple(_all())
