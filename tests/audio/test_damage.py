"""Damaged files give what is left of them, or a reason; never an exception, a hang or nonsense."""

import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.audio.decoder import Decoder
from app.audio.waveform import SAMPLE_RATE
from app.errors import AudioUnreadable, BadRequest
from tests.audio.sounds import FORMATS

NAMES = [form.name for form in FORMATS]
NEED_THEIR_END = (
    *("m4a", "m4a_alac", "mp4", "mp4_surround", "3gp", "3gp_amr", "3gp_amr_wb"),
    *("mov", "mov_adpcm", "mov_u8", "mov_float", "mov_double"),
)
"""Containers whose index lies at the end: cut off, nothing in them can be found."""


def go_on() -> None:
    pass


@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_gives_what_arrived(
    name: str, encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    whole = encoded[name].read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    if name in NEED_THEIR_END:
        with pytest.raises(AudioUnreadable, match="incomplete"):
            decoder.decode(cut, go_on)
    elif name == "musepack":
        # ffmpeg 5 gives what is there, ffmpeg 7 nothing.
        with suppress(AudioUnreadable):
            assert len(decoder.decode(cut, go_on)) / SAMPLE_RATE < 2.3
    elif name in ("ogg_vorbis_8khz", "caf_alac"):
        # So short that a single page holds all of its sound; a table of packets that comes last.
        with pytest.raises(AudioUnreadable):
            decoder.decode(cut, go_on)
    else:
        assert 0.9 < len(decoder.decode(cut, go_on)) / SAMPLE_RATE < 2.3


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits_give_sound_or_a_reason(
    name: str, encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    content = bytearray(encoded[name].read_bytes())
    dice = random.Random(name)
    for _ in range(12):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    flipped = tmp_path / "flipped"
    flipped.write_bytes(content)
    try:
        waveform = decoder.decode(flipped, go_on)
    except BadRequest as refusal:
        assert "failed to decode audio" in str(refusal)  # noqa: PT017
    else:
        assert len(waveform) > 0


def test_damage_that_costs_sound_is_reported(
    encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    content = bytearray(encoded["flac"].read_bytes())
    middle = len(content) // 2
    content[middle : middle + 3000] = bytes(3000)
    damaged = tmp_path / "damaged"
    damaged.write_bytes(content)
    complaints: list[str] = []
    decoder.decode(damaged, go_on, warn=complaints.append)
    assert len(complaints) == 1
    assert "damaged" in complaints[0]


def test_no_reason_names_a_path_or_an_address(
    encoded: dict[str, Path], tmp_path: Path, decoder: Decoder
) -> None:
    for content in (b"\x00" * 4096, encoded["m4a"].read_bytes()[:-4000], b"RIFF\x00\x00\x00\x00WAVEfmt "):
        broken = tmp_path / "secret-name"
        broken.write_bytes(content)
        with pytest.raises(AudioUnreadable) as refusal:
            decoder.decode(broken, go_on)
        for telltale in ("secret", "/", "0x", "fd:", "ffmpeg", "whitelist"):
            assert telltale not in str(refusal.value)


HEADS = (
    b"RIFF\x24\x00\x00\x00WAVEfmt ", b"OggS\x00\x02", b"fLaC\x00\x00\x00\x22", b"ID3\x04\x00\x00",
    b"\xff\xfb\x90", b"\x00\x00\x00\x1cftypM4A ", b"\x1aE\xdf\xa3", b"#!AMR\n",
    b"0&\xb2u\x8ef\xcf\x11", b"FLV\x01\x05", b"",
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from(HEADS), rest=st.binary(max_size=600), raw=st.booleans())
def test_no_bytes_do_worse_than_be_refused(
    head: bytes, rest: bytes, raw: bool, tmp_path: Path, decoder: Decoder
) -> None:
    path = tmp_path / "fuzz"
    path.write_bytes(head + rest)
    with suppress(BadRequest):
        assert len(decoder.decode(path, go_on, raw_pcm=raw)) > 0
