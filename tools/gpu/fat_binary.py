"""CUDA's fat binaries in a shared library: machine code for some cards, and PTX for a driver to compile."""

import struct
from collections.abc import Iterator

_MAGIC, _PTX = 0xBA55ED50, 1
_SECTION = ".nv_fatbin"


def keep_ptx(library: bytearray) -> None:
    """Make each fat binary in `library` (a 64-bit ELF file) hold its PTX alone, in its place, before zeros.

    Raises:
        ValueError: it is laid out in a way that is not known here.
    """
    start, size = section(library, _SECTION)
    for header, begin, end in _fat_binaries(library, start, start + size):
        kept = b"".join(_entries(library, begin, end))
        if not kept:
            raise ValueError("a fat binary has no PTX")
        library[begin:end] = kept + bytes(end - begin - len(kept))
        struct.pack_into("<Q", library, header + 8, len(kept))


def _fat_binaries(library: bytearray, place: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield for each fat binary where its header is, and where its entries begin and end."""
    while place < end:
        magic, _, header, length = struct.unpack_from("<IHHQ", library, place)
        if magic != _MAGIC:
            place += 8
            continue
        begin = place + header
        if begin + length > end:
            raise ValueError("a fat binary is longer than its section")
        yield place, begin, begin + length
        place = -(-(begin + length) // 8) * 8


def _entries(library: bytearray, place: int, end: int) -> Iterator[bytes]:
    """Yield the entries that are PTX."""
    while place < end:
        kind, _, header, size = struct.unpack_from("<HHIQ", library, place)
        following = place + header + size
        if kind == _PTX:
            yield bytes(library[place:following])
        place = following
    if place != end:
        raise ValueError("the entries of a fat binary do not end where it does")


def section(library: bytearray, wanted: str) -> tuple[int, int]:
    """Return offset and size of the section called `wanted` of a 64-bit ELF file."""
    table = struct.unpack_from("<Q", library, 0x28)[0]
    size, count, names = struct.unpack_from("<HHH", library, 0x3A)
    headers = [struct.unpack_from("<IIQQQQ", library, table + number * size) for number in range(count)]
    for header in headers:
        name = headers[names][4] + header[0]
        if library[name : library.index(b"\0", name)].decode() == wanted:
            return header[4], header[5]
    raise ValueError(f"there is no section {wanted}")
