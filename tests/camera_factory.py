"""Photos as cameras store them, put together from bytes: HEIC and DNG have no writer among our packages."""

from __future__ import annotations

import io
import re
import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_Entry = tuple[int, str, "tuple[int, ...] | bytes"]


def heic(
    path: Path, pixels: NDArray[np.uint8], quarter_turns: int = 0, exif: bytes = b"", colors: bytes = b""
) -> Path:
    """Write uint8 (height, width, 3) as HEIC, to be shown turned anticlockwise by so many quarter turns.

    `exif` is EXIF data that begins with `Exif`, as Pillow gives it, or nothing. `colors` is the content of
    a box `colr`, or nothing.
    """
    config, sample = _hevc(pixels)
    height, width = pixels.shape[:2]
    properties = (
        config + _full_box(b"ispe", struct.pack(">II", width, height)) + _box(b"irot", bytes([quarter_turns]))
    )
    if colors:
        properties += _box(b"colr", colors)
    items = [sample, *([struct.pack(">I", 0) + exif.removeprefix(b"Exif\0\0")] if exif else [])]
    meta_size = len(_meta(properties, 0, items))
    file_type = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    offset = len(file_type) + meta_size + 8
    path.write_bytes(file_type + _meta(properties, offset, items) + _box(b"mdat", b"".join(items)))
    return path


def _hevc(pixels: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """Return the decoder configuration box and one intra frame, each unit with its length before it."""
    encoder = av.CodecContext.create("libx265", "w")
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = {"x265-params": "log-level=none:info=0", "crf": "10"}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
    stream = b"".join(bytes(packet) for part in (frame, None) for packet in encoder.encode(part))
    units = re.split(rb"\x00\x00\x00?\x01", stream)[1:]
    kinds = [unit[0] >> 1 & 63 for unit in units]
    sets = [unit for unit, kind in zip(units, kinds, strict=True) if kind in (32, 33, 34)]
    arrays = b"".join(struct.pack(">BHH", unit[0] >> 1 & 63, 1, len(unit)) + unit for unit in sets)
    fixed = b"\1\1\x60\0\0\0\x90\0\0\0\0\0\x5a\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f" + bytes([len(sets)])
    frames = [unit for unit, kind in zip(units, kinds, strict=True) if kind < 32]
    return _box(b"hvcC", fixed + arrays), b"".join(struct.pack(">I", len(unit)) + unit for unit in frames)


def _meta(properties: bytes, offset: int, items: list[bytes]) -> bytes:
    """Return the box that describes the picture and, if there is a second item, its EXIF data."""
    kinds = (b"hvc1", b"Exif")[: len(items)]
    handler = _full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
    primary = _full_box(b"pitm", struct.pack(">H", 1))
    places = b""
    for number, item in enumerate(items, 1):
        places += struct.pack(">HHHII", number, 0, 1, offset, len(item))
        offset += len(item)
    location = _full_box(b"iloc", struct.pack(">BBH", 0x44, 0, len(items)) + places)
    entries = [
        _full_box(b"infe", struct.pack(">HH", number, 0) + kind + b"\0", version=2)
        for number, kind in enumerate(kinds, 1)
    ]
    listed = _full_box(b"iinf", struct.pack(">H", len(items)) + b"".join(entries))
    described = _full_box(b"iref", _box(b"cdsc", struct.pack(">HHH", 2, 1, 1))) if len(items) == 2 else b""
    count = 4 if b"colr" in properties else 3
    links = _full_box(b"ipma", struct.pack(">IHB", 1, 1, count) + bytes((0x81, 0x02, 0x83, 0x04)[:count]))
    return _full_box(
        b"meta",
        handler + primary + location + listed + described + _box(b"iprp", _box(b"ipco", properties) + links),
    )


def _box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + name + body


def _full_box(name: bytes, body: bytes, version: int = 0) -> bytes:
    return _box(name, bytes([version, 0, 0, 0]) + body)


def dng(
    path: Path,
    pixels: NDArray[np.uint8],
    orientation: int = 1,
    preview: bool = True,
    color_space: int = 1,
    **preview_options: object,
) -> Path:
    """Write uint8 (height, width, 3), of even sides, as a Bayer DNG, with or without a JPEG preview.

    `color_space` is that of the preview by the DNG's EXIF data, and `preview_options` are Pillow's for
    writing the preview.
    """
    height, width = pixels.shape[:2]
    mosaic = np.zeros((height, width), np.uint16)
    for row, column, channel in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        linear = (pixels[row::2, column::2, channel] / 255.0) ** 2.2
        mosaic[row::2, column::2] = np.round(linear * 65535).astype(np.uint16)
    raw_entries: list[_Entry] = [
        *_common(width, height, orientation, 0, 1, 32803, 1),
        (33421, "H", (2, 2)),
        (33422, "B", (0, 1, 1, 2)),
        (50717, "I", (65535,)),
    ]
    camera: list[_Entry] = [
        (50706, "B", (1, 4, 0, 0)),
        (50708, "s", b"Attune Test\0"),
        (50721, "i", (31339, -16169, -4906, -9788, 19161, 335, 719, -2290, 14052)),
        (50728, "I", (1, 1, 1)),
        (50778, "H", (21,)),
    ]
    if not preview:
        body = _directory(8, raw_entries + camera, mosaic.tobytes())
    else:
        jpeg = io.BytesIO()
        Image.fromarray(pixels).save(jpeg, "JPEG", quality=92, **preview_options)  # type: ignore[arg-type]
        shown: list[_Entry] = _common(width, height, orientation, 1, 7, 6, 3) + camera
        places: list[_Entry] = [(330, "I", (0,)), (34665, "I", (0,))]  # of the raw data, and of the EXIF data
        raw_start = 8 + len(_directory(8, [*shown, *places], jpeg.getvalue()))
        raw_data = _directory(raw_start, raw_entries, mosaic.tobytes())
        places = [(330, "I", (raw_start,)), (34665, "I", (raw_start + len(raw_data),))]
        body = _directory(8, [*shown, *places], jpeg.getvalue()) + raw_data
        body += _directory(raw_start + len(raw_data), [(0xA001, "H", (color_space,))], b"")
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + body)
    return path


def _common(
    width: int, height: int, orientation: int, reduced: int, compression: int, colours: int, channels: int
) -> list[_Entry]:
    return [
        (254, "I", (reduced,)),
        (256, "I", (width,)),
        (257, "I", (height,)),
        (258, "H", (8,) * 3 if channels == 3 else (16,)),
        (259, "H", (compression,)),
        (262, "H", (colours,)),
        (274, "H", (orientation,)),
        (277, "H", (channels,)),
        (278, "I", (height,)),
    ]


def _directory(start: int, entries: list[_Entry], strip: bytes) -> bytes:
    """Return one TIFF directory at `start` with its values and one strip of data behind it."""
    count = len(entries) + 2
    place = start + 2 + 12 * count + 4
    rows, values = [], b""
    everything = [*entries, (279, "I", (len(strip),)), (273, "I", (-1,))]
    types = {"B": 1, "s": 2, "H": 3, "I": 4, "i": 10}
    packed: dict[int, tuple[int, int, bytes]] = {}
    for tag, code, content in everything:
        kind, number = types[code], len(content)
        if isinstance(content, bytes):
            data = content
        elif tag == 50721:
            data = b"".join(struct.pack("<ii", value, 10000) for value in content)
        elif tag == 50728:
            kind, data = 5, b"".join(struct.pack("<II", value, 1) for value in content)
        else:
            data = b"" if tag == 273 else struct.pack(f"<{number}{code}", *content)
        packed[tag] = (kind, number, data)
        values += data + b"\0" * (len(data) % 2) if len(data) > 4 else b""
    packed[273] = (4, 1, struct.pack("<I", place + len(values)))
    for tag in sorted(packed):
        kind, number, data = packed[tag]
        if len(data) > 4:
            data, place = struct.pack("<I", place), place + len(data) + len(data) % 2
        rows.append(struct.pack("<HHI", tag, kind, number) + data.ljust(4, b"\0"))
    ordered = b"".join(
        packed[tag][2] + b"\0" * (len(packed[tag][2]) % 2)
        for tag in sorted(packed)
        if len(packed[tag][2]) > 4
    )
    return struct.pack("<H", count) + b"".join(rows) + bytes(4) + ordered + strip
