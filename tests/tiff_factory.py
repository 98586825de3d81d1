"""TIFF files of any flavour, put together from bytes: Pillow writes only some of them."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_COMPRESSIONS = {"none": 1, "deflate": 8, "packbits": 32773}
_TYPES = {"H": 3, "I": 4, "Q": 16}


@dataclass(frozen=True, slots=True, kw_only=True)
class TiffLayout:
    """How samples are stored in a TIFF.

    Attributes:
        photometric: 0 white is zero, 1 black is zero, 2 RGB, 3 palette, 5 CMYK, 6 YCbCr, 8 CIELAB.
        planar: Whether each channel has its own plane.
        order: Byte order, `<` or `>`.
        compression: A name, or the number to claim for bytes that are stored as they are.
        tile: Side of square tiles, a multiple of 16; None: strips.
        rows_per_strip: Rows of a strip; None: one strip.
        big: Whether it is a BigTIFF.
        extra: Meaning of each channel beyond the colours: 0 unknown, 1 premultiplied alpha, 2 alpha.
        predictor: 1 none, 2 differences of neighbours.
        tags: Further entries, of 16-bit values.
    """

    photometric: int = 2
    planar: bool = False
    order: Literal["<", ">"] = "<"
    compression: str | int = "none"
    tile: int | None = None
    rows_per_strip: int | None = None
    big: bool = False
    extra: tuple[int, ...] = ()
    predictor: int = 1
    tags: dict[int, tuple[int, ...]] = field(default_factory=dict)


def tiff(path: Path, samples: NDArray[np.generic], layout: TiffLayout) -> Path:
    """Write samples (rows, columns, channels) of 8, 16, 32 or 64 bits, integers or floats."""
    rows, columns, channels = samples.shape
    chunks = [_pack(chunk, layout) for chunk in _split(samples, layout)]
    places: dict[int, tuple[str, tuple[int, ...]]] = {
        256: ("I", (columns,)),
        257: ("I", (rows,)),
        258: ("H", (samples.dtype.itemsize * 8,) * channels),
        259: ("H", (_COMPRESSIONS.get(str(layout.compression), layout.compression),)),  # type: ignore[dict-item]
        262: ("H", (layout.photometric,)),
        277: ("H", (channels,)),
        284: ("H", (2 if layout.planar else 1,)),
        317: ("H", (layout.predictor,)),
        339: ("H", ({"u": 1, "i": 2, "f": 3}[samples.dtype.kind],) * channels),
        **({338: ("H", layout.extra)} if layout.extra else {}),
        **{tag: ("H", values) for tag, values in layout.tags.items()},
    }
    if layout.tile:
        places |= {322: ("H", (layout.tile,)), 323: ("H", (layout.tile,))}
    else:
        places[278] = ("I", (layout.rows_per_strip or rows,))
    start = 16 if layout.big else 8
    at = [start + sum(len(chunk) for chunk in chunks[:number]) for number in range(len(chunks))]
    places[324 if layout.tile else 273] = ("I", tuple(at))
    places[325 if layout.tile else 279] = ("I", tuple(len(chunk) for chunk in chunks))
    body = b"".join(chunks)
    body += bytes(len(body) % 2)
    order = layout.order
    magic = b"II" if order == "<" else b"MM"
    head = (
        struct.pack(order + "HHHQ", 43, 8, 0, start + len(body))
        if layout.big
        else struct.pack(order + "HI", 42, start + len(body))
    )
    path.write_bytes(magic + head + body + _directory(start + len(body), places, layout))
    return path


def _split(samples: NDArray[np.generic], layout: TiffLayout) -> list[NDArray[np.generic]]:
    """Return the strips or tiles in file order, each (rows, columns, channels)."""
    rows, columns, channels = samples.shape
    planes = [samples[..., [channel]] for channel in range(channels)] if layout.planar else [samples]
    side = layout.tile
    if side is None:
        step = layout.rows_per_strip or rows
        return [plane[top : top + step] for plane in planes for top in range(0, rows, step)]
    return [
        np.pad(
            part := plane[top : top + side, left : left + side],
            ((0, side - part.shape[0]), (0, side - part.shape[1]), (0, 0)),
            mode="edge",
        )
        for plane in planes
        for top in range(0, rows, side)
        for left in range(0, columns, side)
    ]


def _pack(chunk: NDArray[np.generic], layout: TiffLayout) -> bytes:
    if layout.predictor == 2:
        chunk = np.concatenate([chunk[:, :1], np.diff(chunk, axis=1)], axis=1)
    data = np.ascontiguousarray(chunk).astype(chunk.dtype.newbyteorder(layout.order)).tobytes()
    if layout.compression == "deflate":
        return zlib.compress(data)
    if layout.compression == "packbits":  # literal runs only; a run may not cross a row
        length = len(data) // chunk.shape[0]
        lines = [data[start : start + length] for start in range(0, len(data), length)]
        runs = [line[place : place + 128] for line in lines for place in range(0, length, 128)]
        return b"".join(bytes([len(run) - 1]) + run for run in runs)
    return data


def _directory(start: int, places: dict[int, tuple[str, tuple[int, ...]]], layout: TiffLayout) -> bytes:
    count, offset, entry, inline = ("Q", "Q", 20, 8) if layout.big else ("H", "I", 12, 4)
    order = layout.order
    place = start + struct.calcsize(order + count) + entry * len(places) + struct.calcsize(order + offset)
    rows, values = b"", b""
    for tag, (code, numbers) in sorted(places.items()):
        data = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        shown = data.ljust(inline, b"\0")
        if len(data) > inline:
            shown = struct.pack(order + offset, place + len(values))
            values += data + bytes(len(data) % 2)
        rows += struct.pack(order + "HH" + offset, tag, _TYPES[code], len(numbers)) + shown
    return struct.pack(order + count, len(places)) + rows + struct.pack(order + offset, 0) + values
