"""Links of chained Ogg files: streams that follow each other in one file, as in a recorded radio programme.

RFC 3533, section 4: a chained file is a concatenation of physical streams ("links"). Each begins with the
first pages of its tracks, which carry the flag "beginning of stream". Rate and channels may differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader, FileIO
from typing import Final, NamedTuple

_MAGIC: Final = b"OggS"
_HEADER_BYTES: Final = 27
_BEGINNING_OF_STREAM: Final = 0x02
_BUFFER_BYTES: Final = 1 << 16


class Link(NamedTuple):
    """A link's bytes: the offsets in the file of its first byte, and of the byte after its last one."""

    start: int
    end: int


def find_links(file: FileIO) -> list[Link]:
    """Return the links of a chained Ogg file.

    Args:
        file: An open file, at any position, where it is left when the function returns or raises.

    Returns:
        At least two links, in their order; none if the file is not chained, or no Ogg file.

    Raises:
        OSError: The file cannot be read.
    """
    position = file.tell()
    file.seek(0)
    reader = BufferedReader(file, _BUFFER_BYTES)
    try:
        starts = [0, *_iter_link_starts(reader)] if reader.peek(4)[:4] == _MAGIC else []
        end = reader.seek(0, 2)
    finally:
        reader.detach().seek(position)
    ends = [*starts[1:], end]
    return [Link(*ends) for ends in zip(starts, ends, strict=True)] if len(starts) > 1 else []


def _iter_link_starts(reader: BufferedReader[FileIO]) -> Iterator[int]:
    """Yield the offset of each link but the first."""
    in_first_pages = True  # the first pages of a link's tracks follow each other directly
    for offset, first_of_track in _iter_pages(reader):
        if first_of_track and not in_first_pages:
            yield offset
        in_first_pages = first_of_track


def _iter_pages(reader: BufferedReader[FileIO]) -> Iterator[tuple[int, bool]]:
    """Yield the offset of each page, and whether it is the first one of a track."""
    offset = 0
    while len(header := reader.read(_HEADER_BYTES)) == _HEADER_BYTES:
        if not header.startswith(_MAGIC):
            offset = _find_page(reader, offset + 1)  # bytes are damaged
            continue
        sequence_number = header[18:22]
        yield offset, bool(header[5] & _BEGINNING_OF_STREAM) and not any(sequence_number)
        offset += _HEADER_BYTES + header[26] + sum(reader.read(header[26]))
        reader.seek(offset)


def _find_page(reader: BufferedReader[FileIO], offset: int) -> int:
    """Move to the next page at or after an offset, or to the end of the file, and return that offset."""
    reader.seek(offset)
    while block := reader.read(_BUFFER_BYTES):
        found = block.find(_MAGIC)
        if found >= 0 or len(block) < _BUFFER_BYTES:
            return reader.seek(offset + (found if found >= 0 else len(block)))
        offset = reader.seek(offset + len(block) - len(_MAGIC) + 1)
    return offset
