"""From wheels to an archive that is small enough to travel; what is left out is never loaded."""

import fnmatch
import io
import lzma
import subprocess
import tarfile
import warnings
import zipfile
from pathlib import Path

from tools.gpu.fat_binary import keep_ptx

NOT_NEEDED = (
    *("*/tests/*", "*/test/*", "*/__pycache__/*", "*.pyi", "*.dist-info/RECORD", "*.dist-info/sboms/*"),
    *("nltk/app/*", "nltk/book.py", "nltk/chat/*", "faster_whisper/assets/*.onnx", "pyannote/audio/sample/*"),
    *("*.data/*", "optuna/storages/_rdb/alembic/*", "cffi/*", "google/ads/*", "google/cloud/*"),
    "imageio_ffmpeg/binaries/README*",
)
_YEAR_1980 = 315532800
_IMPORT_OF_AV = "\nimport av\n"


def unpack(wheel: Path, site: Path) -> None:
    """Put what is needed of `wheel` into `site`."""
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and not any(fnmatch.fnmatch(entry.filename, skip) for skip in NOT_NEEDED):
                archive.extract(entry, site)


def shrink(site: Path, *, whole_gpu_code: bool) -> None:
    """Leave out of large files what is not used: symbols, machine code for other cards, states of training.

    A card from Hopper on compiles CTranslate2's PTX at first use in any case: the wheel has no code for it.
    """
    for library in (*site.rglob("*.so"), *site.rglob("*.so.*")):
        subprocess.run(["strip", "--strip-unneeded", str(library)], check=True)
    for library in (site / "ctranslate2.libs").glob("libctranslate2*"):
        if not whole_gpu_code:
            content = bytearray(library.read_bytes())
            keep_ptx(content)
            library.write_bytes(content)
    forget_training(site / "whisperx" / "assets" / "pytorch_model.bin")
    do_without_av(site / "faster_whisper" / "audio.py")


def forget_training(checkpoint: Path) -> None:
    """Drop the optimizer's state from whisperX's checkpoint; a wheel checked by its hash is trusted."""
    import torch

    warnings.simplefilter("ignore")
    content = torch.load(checkpoint, map_location="cpu", weights_only=False)
    before = {name: tensor.clone() for name, tensor in content["state_dict"].items()}
    content["optimizer_states"] = []
    buffer = io.BytesIO()
    torch.save(content, buffer)
    checkpoint.write_bytes(buffer.getvalue())
    after = torch.load(checkpoint, map_location="cpu", weights_only=False)["state_dict"]
    assert all(torch.equal(before[name], after[name]) for name in before)


def do_without_av(module: Path) -> None:
    """Take out faster-whisper's import of PyAV, with which it would decode files; nothing here does."""
    text = module.read_text()
    if text.count(_IMPORT_OF_AV) != 1:
        raise ValueError("faster-whisper imports PyAV in a way that is not known here")
    module.write_text(text.replace(_IMPORT_OF_AV, "\nav = None  # left out of this pack\n"))


def write_archive(site: Path, target: Path) -> None:
    """Write `site` as a tar.xz whose bytes depend on the files' names and contents alone."""
    filters = [
        {"id": lzma.FILTER_X86},
        {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 64 << 20},
    ]
    with (
        lzma.open(target, "wb", check=lzma.CHECK_CRC64, filters=filters) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for path in sorted(path for path in site.rglob("*") if path.is_file()):
            content = path.read_bytes()
            entry = tarfile.TarInfo(str(path.relative_to(site)))
            entry.size, entry.mtime = len(content), _YEAR_1980
            entry.mode = 0o755 if content.startswith((b"\x7fELF", b"#!")) else 0o644
            archive.addfile(entry, io.BytesIO(content))
