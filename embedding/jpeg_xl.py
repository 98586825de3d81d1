"""Size of a JPEG XL picture, by the first bytes of its codestream (ISO/IEC 18181-1, annex D), and metadata.

The decoder gives both only together with the pixels: the size too late to refuse a picture that is too large.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from typing import BinaryIO, Final

_CODESTREAM: Final = b"\xff\x0a"
_CONTAINER: Final = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEAD_BYTES: Final = 12  # the two sizes take at most 70 bits
_MAX_BOXES: Final = 10_000
_RATIOS: Final = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))


def is_jpeg_xl(head: bytes) -> bool:
    """Return whether a file is JPEG XL, by at least its first 12 bytes."""
    return head.startswith((_CODESTREAM, _CONTAINER))


def read_jpeg_xl_size(file: BinaryIO) -> tuple[int, int]:
    """Return width and height in pixels, as stored, of an open JPEG XL file, and rewind it.

    Raises:
        EOFError: The file ends before its size.
    """
    file.seek(0)
    head = file.read(len(_CONTAINER))
    file.seek(0 if head.startswith(_CODESTREAM) else _find_codestream(file))
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if len(head) < _HEAD_BYTES or not head.startswith(_CODESTREAM):
        raise EOFError("it ends before its size")
    bits = _Bits(int.from_bytes(head[2:], "little"))
    small = bits.take(1) == 1
    height = _read_length(bits, small)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio - 1]
        return height * across // down, height
    return _read_length(bits, small), height


def read_jpeg_xl_boxes(file: BinaryIO, kinds: Collection[bytes], max_bytes: int) -> dict[bytes, bytes]:
    """Return the contents of boxes beside the codestream, such as `Exif` and `xml `, and rewind the file.

    Args:
        file: An open JPEG XL file.
        kinds: Names of the boxes. One that is compressed is called `brob`.
        max_bytes: Size above which a box is ignored.
    """
    found: dict[bytes, bytes] = {}
    file.seek(0)
    if file.read(len(_CONTAINER)) == _CONTAINER:
        for kind, start, size in _iter_boxes(file):
            if kind in kinds and 0 < size <= max_bytes:
                file.seek(start)
                found[kind] = file.read(size)
    file.seek(0)
    return found


def _find_codestream(file: BinaryIO) -> int:
    """Return where the codestream begins: in its box, or in the first of several partial ones."""
    for kind, start, _ in _iter_boxes(file):
        if kind in (b"jxlc", b"jxlp"):
            return start + (4 if kind == b"jxlp" else 0)
    raise EOFError("it has no codestream")


def _iter_boxes(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, start and size of the contents of each box; -1 for one that reaches to the end."""
    start = 0
    for _ in range(_MAX_BOXES):
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        header = 8
        if size == 1 and len(head) == 16:
            header, size = 16, struct.unpack(">Q", head[8:])[0]
        yield kind, start + header, size - header if size else -1
        if size < header:
            return
        start += size


class _Bits:
    """Bits of a number, lowest first."""

    def __init__(self, value: int) -> None:
        self._value = value

    def take(self, count: int) -> int:
        taken = self._value & ((1 << count) - 1)
        self._value >>= count
        return taken


def _read_length(bits: _Bits, small: bool) -> int:
    if small:
        return (bits.take(5) + 1) * 8
    return bits.take((9, 13, 18, 30)[bits.take(2)]) + 1
