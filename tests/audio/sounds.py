"""Recordings for tests: a known sound, and real encoders to wrap it in every published format."""

import math
import shutil
import subprocess
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from app.audio.waveform import SAMPLE_RATE, Waveform

FFMPEG = str(imageio_ffmpeg.get_ffmpeg_exe())
"""The static build of the wheel: it has an encoder for nearly every format of the list."""

SAMPLES = Path(__file__).parent / "samples"
"""The known sound in the formats that it has none for; samples/make.py made them."""

RATE = 48000
TONES = ((440.0, 0.5), (880.0, 0.25), (440.0, 0.5))
"""Frequency in Hz and amplitude of each second of the known sound."""


def known_sound() -> NDArray[np.float64]:
    """Return one second of each tone at RATE, faded at its ends so that no codec has to ring."""
    seconds = np.arange(RATE) / RATE
    fade = np.minimum(1.0, np.minimum(seconds, 1 - seconds) / 0.02)
    return np.concatenate([amplitude * fade * np.sin(2 * math.pi * hz * seconds) for hz, amplitude in TONES])


def is_whole(waveform: Waveform) -> bool:
    """Return whether the waveform is as long as the known sound.

    ffmpeg before version 6 leaves the padding of the last AAC or Vorbis frame, of 1,024 samples at most.
    """
    return 0 <= len(waveform) / SAMPLE_RATE - len(TONES) < 1024 / RATE


def write_wave(path: Path, samples: NDArray[np.float64], rate: int = RATE, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(np.repeat((samples * 32767).astype("<i2"), channels).tobytes())
    return path


def ffmpeg(*arguments: str) -> None:
    subprocess.run(
        [FFMPEG, "-nostdin", "-v", "error", "-y", *arguments[:-1], "-threads", "1", arguments[-1]],
        check=True,
        timeout=60,
    )


@dataclass(frozen=True)
class Format:
    """One way to store the known sound."""

    name: str
    suffix: str
    options: tuple[str, ...]
    video: bool = False
    decibels: float = 1.0
    """How far the level of a second may be off."""
    sample: str = ""
    """The file of SAMPLES that is put into the container; without options it is taken as it is."""

    def encode(self, source: Path, directory: Path) -> Path:
        target = directory / f"{self.name}.{self.suffix}"
        if self.sample and not self.options:
            return Path(shutil.copy(SAMPLES / self.sample, target))
        source = SAMPLES / self.sample if self.sample else source
        picture = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=3") if self.video else ()
        maps = ("-map", "0:a", "-map", "1:v") if self.video else ()
        ffmpeg("-i", str(source), *picture, *maps, *self.options, str(target))
        return target


def _options(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _formats(rows: Sequence[tuple[str, str, str] | tuple[str, str, str, bool, float]]) -> tuple[Format, ...]:
    return tuple(Format(row[0], row[1], _options(row[2]), *row[3:]) for row in rows)


_COPY = ("-c:a", "copy")
_COPIED = (
    Format("amr_wb", "amr", _COPY, decibels=3.0, sample="amr_wb.amr"),
    Format("3gp_amr_wb", "3gp", _COPY, decibels=3.0, sample="amr_wb.amr"),
    Format("gsm", "gsm", _COPY, decibels=3.0, sample="gsm.gsm"),
    Format("wav_gsm", "wav", _COPY, decibels=3.0, sample="gsm_ms.wav"),
    Format("musepack", "mpc", (), sample="musepack.mpc"),
    Format("ogg_speex", "spx", _COPY, decibels=3.0, sample="speex.spx"),
)
_ENCODED = _formats(
    [
        ("mp3", "mp3", "-c:a libmp3lame -b:a 96k"),
        ("mp3_variable_rate", "mp3", "-c:a libmp3lame -q:a 4"),
        ("mp3_8khz", "mp3", "-c:a libmp3lame -ar 8000 -b:a 32k"),
        ("wav_16", "wav", "-c:a pcm_s16le"),
        ("wav_u8", "wav", "-c:a pcm_u8 -ar 22050"),
        ("wav_24", "wav", "-c:a pcm_s24le"),
        ("wav_32", "wav", "-c:a pcm_s32le"),
        ("wav_float", "wav", "-c:a pcm_f32le"),
        ("wav_double", "wav", "-c:a pcm_f64le"),
        ("wav_mulaw", "wav", "-c:a pcm_mulaw -ar 8000"),
        ("wav_alaw", "wav", "-c:a pcm_alaw -ar 8000"),
        ("wav_adpcm", "wav", "-c:a adpcm_ms"),
        ("wav_adpcm_ima", "wav", "-c:a adpcm_ima_wav"),
        ("wav_stereo", "wav", "-c:a pcm_s16le -af pan=stereo|c0=c0|c1=c0"),
        ("wav_96khz", "wav", "-c:a pcm_s24le -ar 96000"),
        ("wav_8khz", "wav", "-c:a pcm_s16le -ar 8000"),
        ("wav_11025hz", "wav", "-c:a pcm_s16le -ar 11025"),
        ("wav_rf64", "wav", "-c:a pcm_s16le -rf64 always"),
        ("w64", "w64", "-c:a pcm_s16le"),
        ("aiff", "aiff", "-c:a pcm_s16be"),
        ("au", "au", "-c:a pcm_mulaw -ar 8000"),
        ("caf", "caf", "-c:a pcm_s16be"),
        ("caf_alac", "caf", "-c:a alac"),
        ("m4a", "m4a", "-c:a aac -b:a 96k"),
        ("m4a_alac", "m4a", "-c:a alac"),
        ("m4a_faststart", "m4a", "-c:a aac -movflags +faststart"),
        ("m4a_fragmented", "mp4", "-c:a aac -movflags +frag_keyframe+empty_moov -frag_duration 500000"),
        ("flac", "flac", "-c:a flac"),
        ("flac_96khz", "flac", "-c:a flac -ar 96000 -af pan=stereo|c0=c0|c1=c0"),
        ("aac", "aac", "-c:a aac -b:a 96k"),
        ("ogg_vorbis", "ogg", "-c:a libvorbis"),
        ("ogg_opus", "opus", "-c:a libopus -b:a 32k"),
        ("ogg_flac", "oga", "-c:a flac"),
        ("ogg_vorbis_8khz", "ogg", "-c:a libvorbis -ar 8000"),
        ("wma", "wma", "-c:a wmav2"),
        ("wma_1", "wma", "-c:a wmav1 -ar 22050"),
        ("amr_nb", "amr", "-c:a libopencore_amrnb -ar 8000 -ac 1 -b:a 12.2k", False, 3.0),
        ("3gp_amr", "3gp", "-c:a libopencore_amrnb -ar 8000 -ac 1 -b:a 12.2k", False, 3.0),
        ("ac3", "ac3", "-c:a ac3"),
        ("eac3", "eac3", "-c:a eac3"),
        ("mp2", "mp2", "-c:a mp2"),
        ("mp4", "mp4", "-c:a aac -c:v libx264 -preset ultrafast -pix_fmt yuv420p", True, 1.0),
        (
            "mp4_surround",
            "mp4",
            "-c:a aac -af pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0 -c:v mpeg4",
            True,
            1.0,
        ),
        ("avi", "avi", "-c:a libmp3lame -c:v mpeg4", True, 1.0),
        ("mov", "mov", "-c:a pcm_s16le -c:v mpeg4", True, 1.0),
        ("mkv", "mkv", "-c:a libvorbis -c:v mpeg4", True, 1.0),
        ("mkv_ac3", "mkv", "-c:a ac3 -c:v mpeg4", True, 1.0),
        ("webm", "webm", "-c:a libopus -c:v libvpx", True, 1.0),
        ("webm_audio", "webm", "-c:a libopus -vn"),
        ("3gp", "3gp", "-c:a aac -ar 16000 -c:v mpeg4", True, 1.0),
        ("flv", "flv", "-c:a aac -c:v flv1", True, 1.0),
        ("mpeg", "mpg", "-c:a mp2 -c:v mpeg1video -r 25", True, 1.0),
        ("mpegts", "ts", "-c:a mp2 -c:v mpeg2video", True, 1.0),
        ("mpegts_aac", "ts", "-c:a aac"),
        ("mpegts_opus", "ts", "-c:a libopus"),
        ("mpegts_s302m", "ts", "-c:a s302m -strict -2 -af pan=stereo|c0=c0|c1=c0"),
        ("mpegts_bluray", "m2ts", "-c:a pcm_bluray"),
        ("mpeg_dvd", "vob", "-c:a pcm_dvd"),
        ("wavpack", "wv", "-c:a wavpack"),
        ("tta", "tta", "-c:a tta"),
        ("mka_wavpack", "mka", "-c:a wavpack"),
        ("mka_tta", "mka", "-c:a tta"),
        ("dts", "dts", "-c:a dca -strict -2"),
        ("truehd", "thd", "-c:a truehd -strict -2 -af pan=stereo|c0=c0|c1=c0"),
        ("mlp", "mlp", "-c:a mlp -strict -2 -af pan=stereo|c0=c0|c1=c0"),
        ("latm", "latm", "-c:a aac -f latm"),
        ("flv_nellymoser", "flv", "-c:a nellymoser -ar 22050", False, 2.0),
        ("flv_adpcm", "flv", "-c:a adpcm_swf -ar 44100", False, 2.0),
        ("realmedia", "rm", "-c:a real_144 -ar 8000", False, 3.0),
        ("realmedia_ac3", "rm", "-c:a ac3 -f rm"),
        ("voc", "voc", "-c:a pcm_u8 -ar 8000"),
        ("sox", "sox", "-c:a pcm_s32le"),
        ("mxf", "mxf", "-c:a pcm_s16le -f mxf_opatom"),
        ("wav_g722", "wav", "-c:a g722 -ar 16000", False, 2.0),
        ("wav_g726", "wav", "-c:a g726 -ar 8000 -b:a 32k", False, 2.0),
        ("wav_g723", "wav", "-c:a g723_1 -ar 8000 -b:a 6.3k", False, 3.0),
        ("au_g726", "au", "-c:a g726le -ar 8000 -b:a 32k", False, 2.0),
        ("wav_adpcm_yamaha", "wav", "-c:a adpcm_yamaha"),
        ("mov_adpcm", "mov", "-c:a adpcm_ima_qt"),
        ("mov_u8", "mov", "-c:a pcm_u8"),
        ("mov_double", "mov", "-c:a pcm_f64be"),
        ("mov_float", "mov", "-c:a pcm_f32be"),
        ("aiff_8", "aiff", "-c:a pcm_s8"),
        ("aiff_24", "aiff", "-c:a pcm_s24be"),
        ("aiff_32", "aiff", "-c:a pcm_s32be"),
        ("wav_64", "wav", "-c:a pcm_s64le"),
    ]
)

FORMATS = (*_ENCODED, *_COPIED)
"""Every published format, with the variants that devices write."""
