"""Time, length, memory and processes stay bounded whatever is uploaded."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import psutil
import pytest

from app.audio.decoder import Decoder
from app.audio.ffmpeg_binary import find_ffmpeg
from app.audio.sample_buffer import SampleBuffer
from app.audio.waveform import SAMPLE_RATE
from app.errors import AudioTooLong, AudioUnreadable, ClientLeft
from tests.audio.sounds import ffmpeg, is_whole


def go_on() -> None:
    pass


@pytest.fixture(scope="module")
def hours_of_silence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three hours in a few dozen kilobytes."""
    path = tmp_path_factory.mktemp("bomb") / "hours.flac"
    silence = ("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", str(3 * 3600))
    ffmpeg(*silence, "-c:a", "flac", "-frame_size", "65535", str(path))
    return path


@pytest.fixture
def endless_ffmpeg(tmp_path: Path) -> Path:
    """A stand-in for an ffmpeg that hangs: it starts, says it knows `fd`, and never answers."""
    script = tmp_path / "ffmpeg"
    script.write_text('#!/bin/sh\ncase "$*" in *-protocols*) echo fd;; *) exec sleep 60;; esac\n')
    script.chmod(0o755)
    return script


Children: TypeAlias = Callable[[], list[psutil.Process]]


@pytest.fixture
def children() -> Children:
    """Return what tells which processes of this test run; other tests of the session may keep some, too."""
    others = {process.pid for process in psutil.Process().children(recursive=True)}
    return lambda: [each for each in psutil.Process().children(recursive=True) if each.pid not in others]


def test_a_small_file_of_many_hours_is_stopped_at_the_limit(
    hours_of_silence: Path, children: Children
) -> None:
    assert hours_of_silence.stat().st_size < 200_000
    decoder = Decoder(max_minutes=10, timeout_seconds=60)
    before = psutil.Process().memory_info().rss
    with pytest.raises(AudioTooLong, match="10 minutes"):
        decoder.decode(hours_of_silence, go_on)
    assert psutil.Process().memory_info().rss - before < 100e6
    assert children() == []


def test_exactly_the_limit_is_allowed(tmp_path: Path) -> None:
    sound = tmp_path / "limit.wav"
    ffmpeg("-f", "lavfi", "-i", "sine=r=16000:d=6", str(sound))
    assert len(Decoder(max_minutes=0.1).decode(sound, go_on)) == 6 * SAMPLE_RATE
    with pytest.raises(AudioTooLong):
        Decoder(max_minutes=0.0999).decode(sound, go_on)


def test_a_hang_is_killed(endless_ffmpeg: Path, encoded: dict[str, Path], children: Children) -> None:
    decoder = Decoder(str(endless_ffmpeg), timeout_seconds=0.3)
    began = time.monotonic()
    with pytest.raises(AudioUnreadable, match=r"longer than 0\.3 seconds"):
        decoder.decode(encoded["mp3"], go_on)
    assert time.monotonic() - began < 3
    assert children() == []


MUTE = """#!/bin/sh
case "$*" in *-protocols*) echo fd;; *) exec 1>&- {more}; sleep 60;; esac
"""


@pytest.mark.parametrize("more", ["", "2>&-"])
def test_a_child_that_only_closes_its_output_is_still_held_to_the_limits(
    more: str, tmp_path: Path, encoded: dict[str, Path], children: Children
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(MUTE.format(more=more))
    script.chmod(0o755)
    asked = 0

    def count() -> None:
        nonlocal asked
        asked += 1

    began = time.monotonic()
    with pytest.raises(AudioUnreadable, match=r"longer than 0\.5 seconds"):
        Decoder(str(script), timeout_seconds=0.5).decode(encoded["mp3"], count)
    assert time.monotonic() - began < 3
    assert asked > 2
    assert children() == []


def test_all_calls_of_a_decoding_share_one_time_limit(tmp_path: Path, encoded: dict[str, Path]) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text('#!/bin/sh\ncase "$*" in *-protocols*) echo fd;; *) sleep 0.3; exit 1;; esac\n')
    script.chmod(0o755)
    joined = tmp_path / "joined.flac"
    joined.write_bytes(encoded["flac"].read_bytes() * 20)
    began = time.monotonic()
    with pytest.raises(AudioUnreadable, match="longer than 1 seconds"):
        Decoder(str(script), timeout_seconds=1).decode(joined, go_on)
    assert time.monotonic() - began < 3


def counting_ffmpeg(tmp_path: Path, instead: str = "") -> tuple[Decoder, Callable[[], int]]:
    """Return a decoder and what tells how often it has started ffmpeg, or `instead`, on a file."""
    script, starts = tmp_path / "ffmpeg", tmp_path / "starts"
    real = f'exec "{find_ffmpeg()}" "$@"'
    run = instead or real
    starts.mkdir()
    # A directory for each, since the child may write no file.
    count = f'case "$*" in *-protocols*) {real};; *) mkdir "{starts}/$$";; esac'
    script.write_text(f"#!/bin/sh\n{count}\n{run}\n")
    script.chmod(0o755)
    return Decoder(str(script)), lambda: len(list(starts.iterdir()))


def test_what_cannot_be_opened_is_not_tried_track_by_track(tmp_path: Path) -> None:
    decoder, starts = counting_ffmpeg(tmp_path)
    junk = tmp_path / "junk"
    junk.write_bytes(b"\x00" * 5000)
    with pytest.raises(AudioUnreadable, match="not a valid audio file"):
        decoder.decode(junk, go_on)
    assert starts() == 1


def test_an_older_ffmpeg_says_in_other_words_that_it_cannot_open_a_file(tmp_path: Path) -> None:
    message = "[error] fd:: Invalid data found when processing input"
    decoder, starts = counting_ffmpeg(tmp_path, f"echo '{message}' >&2; exit 1")
    junk = tmp_path / "junk"
    junk.write_bytes(b"\x00" * 5000)
    with pytest.raises(AudioUnreadable, match="not a valid audio file"):
        decoder.decode(junk, go_on)
    assert starts() == 1


def test_no_child_is_left_where_its_limits_cannot_be_set(
    endless_ffmpeg: Path, encoded: dict[str, Path], children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("app.audio.ffmpeg_process.resource.prlimit", refuse)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(PermissionError):
        Decoder(str(endless_ffmpeg), timeout_seconds=30).decode(encoded["mp3"], go_on)
    assert children() == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_client_that_leaves_ends_the_decoding(
    endless_ffmpeg: Path, encoded: dict[str, Path], children: Children
) -> None:
    left = time.monotonic() + 0.3

    def leave() -> None:
        if time.monotonic() > left:
            raise ClientLeft

    with pytest.raises(ClientLeft):
        Decoder(str(endless_ffmpeg), timeout_seconds=30).decode(encoded["mp3"], leave)
    assert time.monotonic() - left < 2
    assert children() == []


def test_a_killed_ffmpeg_is_a_refusal(
    endless_ffmpeg: Path, encoded: dict[str, Path], children: Children
) -> None:
    def kill_soon() -> None:
        while not children():
            time.sleep(0.01)
        for child in children():
            os.kill(child.pid, signal.SIGKILL)

    decoder = Decoder(str(endless_ffmpeg), timeout_seconds=30)
    killer = threading.Thread(target=kill_soon)
    killer.start()
    with pytest.raises(AudioUnreadable, match="crashed"):
        decoder.decode(encoded["mp3"], go_on)
    killer.join()


def test_memory_beyond_the_limit_ends_the_child_and_not_the_service(encoded: dict[str, Path]) -> None:
    with pytest.raises(AudioUnreadable):
        Decoder(max_memory_bytes=1 << 20).decode(encoded["mp4"], go_on)
    assert is_whole(Decoder().decode(encoded["mp4"], go_on))


def test_no_descriptor_or_process_is_left(
    encoded: dict[str, Path], tmp_path: Path, decoder: Decoder, children: Children
) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x00" * 5000)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        decoder.decode(encoded["mp3"], go_on)
        with pytest.raises(AudioUnreadable):
            decoder.decode(broken, go_on)
    assert len(os.listdir("/proc/self/fd")) == before
    assert children() == []


def test_samples_are_held_once(tmp_path: Path) -> None:
    """Half an hour is 115 MB of samples; decoding takes that and a few blocks, and gives all of it back."""
    sound = tmp_path / "long.flac"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "anoisesrc=r=8000:d=1800:a=0.01",
        "-c:a",
        "flac",
        "-compression_level",
        "0",
        str(sound),
    )
    decoder = Decoder()
    most = 0
    before = psutil.Process().memory_info().rss

    def measure() -> None:
        nonlocal most
        most = max(most, psutil.Process().memory_info().rss)

    waveform = decoder.decode(sound, measure)
    measure()
    expected = 1800 * SAMPLE_RATE * 2
    assert waveform.nbytes == expected
    assert most - before < expected + 20e6
    del waveform
    assert psutil.Process().memory_info().rss - before < 20e6


def test_the_buffer_grows_without_touching_what_it_does_not_use() -> None:
    buffer = SampleBuffer(max_samples=1 << 40)
    samples = np.arange(-30000, 30000, dtype="<i2")
    for start in range(0, 120000, 7):
        assert buffer.append_s16(samples.tobytes()[start : start + 7])
    np.testing.assert_array_equal(buffer.finish(), samples)


def test_a_full_buffer_takes_nothing_more() -> None:
    buffer = SampleBuffer(max_samples=3)
    assert buffer.append_s16(bytes(4))
    assert not buffer.append_s16(bytes(4))
    assert buffer.append_s16(bytes(2))
    assert len(buffer.finish()) == 3


def test_an_ffmpeg_is_always_found() -> None:
    assert os.access(find_ffmpeg(), os.X_OK)
