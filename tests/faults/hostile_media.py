"""Damaged, misleading and malicious media files, made from small valid files of every format."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

IMAGE_FORMATS: Final = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "tiff": "TIFF",
    "bmp": "BMP",
    "jp2": "JPEG2000",
    "ppm": "PPM",
    "tga": "TGA",
    "qoi": "QOI",
}
_SOUNDFILE_FORMATS: Final = {  # suffix: container, subtype, rate
    "wav": ("WAV", "PCM_16", 16_000),
    "flac": ("FLAC", "PCM_16", 16_000),
    "ogg": ("OGG", "VORBIS", 16_000),
    "opus": ("OGG", "OPUS", 48_000),
    "mp3": ("MP3", "MPEG_LAYER_III", 16_000),
}
_PYAV_FORMATS: Final = {  # suffix: container, codec, sample format, rate
    "m4a": ("ipod", "aac", "fltp", 16_000),
    "aac": ("adts", "aac", "fltp", 16_000),
    "wma": ("asf", "wmav2", "fltp", 16_000),
    "aiff": ("aiff", "pcm_s16be", "s16", 16_000),
    "mka": ("matroska", "flac", "s16", 16_000),
    "caf": ("caf", "pcm_s16be", "s16", 16_000),
    "wv": ("wv", "wavpack", "s16p", 16_000),
    "au": ("au", "pcm_s16be", "s16", 16_000),
    "ac3": ("ac3", "ac3", "fltp", 32_000),
    "tta": ("tta", "tta", "s16", 16_000),
}
_HOSTILE_NAMES: Final = (
    b"\xff\xfe",
    b"\n",
    b"\x1b[2J\x1b]0;x\x07",
    b"<script>",
    b'"',
    b"\xe2\x80\xae",
    b"%n",
)


def make_valid_files() -> dict[str, bytes]:
    """Return the bytes of one small valid file of each format, by its suffix."""
    return {suffix: _encode_picture(name) for suffix, name in IMAGE_FORMATS.items()} | {
        suffix: _encode_sound(suffix) for suffix in (*_SOUNDFILE_FORMATS, *_PYAV_FORMATS)
    }


def _encode_picture(name: str) -> bytes:
    import numpy as np
    from PIL import Image

    coarse = np.random.default_rng(len(name)).integers(0, 256, (6, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC).save(file, name)
    return file.getvalue()


def _encode_sound(suffix: str) -> bytes:
    import numpy as np
    import soundfile

    file = io.BytesIO()
    rate = (_SOUNDFILE_FORMATS.get(suffix) or _PYAV_FORMATS[suffix])[-1]
    times = np.arange(rate * 7 // 10) / rate
    wave = (0.5 * np.sin(2 * np.pi * 330 * times)).astype(np.float32)
    if suffix in _SOUNDFILE_FORMATS:
        container, subtype, _ = _SOUNDFILE_FORMATS[suffix]
        soundfile.write(file, wave, rate, subtype=subtype, format=container)
    else:
        _encode(file, wave, *_PYAV_FORMATS[suffix])
    return file.getvalue()


def _encode(file: io.BytesIO, wave: NDArray[Any], container: str, codec: str, form: str, rate: int) -> None:
    import av
    import numpy as np

    if form.startswith("s16"):
        wave = (wave * 32767).astype(np.int16)
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout="mono", format=form)
        stream.bit_rate = 64_000
        step = {"wmav2": 2048, "ac3": 1536}.get(codec, 1024)
        for first in range(0, len(wave), step):
            block = np.ascontiguousarray(wave[first : first + step][None])
            frame = av.AudioFrame.from_ndarray(block, format=form, layout="mono")
            frame.sample_rate, frame.pts = rate, first
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def iter_truncated_files(valid: dict[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of every valid file, cut at each hundredth of its length."""
    for suffix, whole in valid.items():
        for percent in range(1, 100):
            yield f"cut-{percent:02d}.{suffix}", whole[: len(whole) * percent // 100]


def mutate_file(valid: dict[str, bytes], seed: int) -> tuple[bytes, bytes]:
    """Return name and bytes of one mutation of a valid file; the seed decides which."""
    draw = random.Random(seed)
    suffix = draw.choice(sorted(valid))
    data = bytearray(valid[suffix])
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        data = draw.choice(_MUTATIONS)(data, draw) or bytearray(b"\0")
    if draw.random() < 0.1:
        suffix = draw.choice(sorted(valid))  # perhaps not the suffix of its format
    if draw.random() < 0.05:
        data += valid[draw.choice(sorted(valid))]
    odd = draw.choice(_HOSTILE_NAMES) if draw.random() < 0.05 else b""
    return f"{seed:06d}".encode() + odd + f".{suffix}".encode(), bytes(data)


def _cut(data: bytearray, draw: random.Random) -> bytearray:
    return data[: draw.randrange(len(data))]


def _flip_bits(data: bytearray, draw: random.Random) -> bytearray:
    for _ in range(draw.choice((1, 3, 10, 40))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return data


def _overwrite_header(data: bytearray, draw: random.Random) -> bytearray:
    for _ in range(draw.choice((1, 2, 4))):
        data[draw.randrange(min(len(data), 128))] = draw.randrange(256)
    return data


def _corrupt_length(data: bytearray, draw: random.Random) -> bytearray:
    """Write an extreme number into the header, where lengths and sizes are stored."""
    at = draw.randrange(max(1, min(len(data), 256) - 4))
    number = draw.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0))
    data[at : at + 4] = struct.pack(draw.choice(("<I", ">I")), number)
    return data


def _delete_bytes(data: bytearray, draw: random.Random) -> bytearray:
    at = draw.randrange(len(data))
    del data[at : at + draw.randrange(1, 200)]
    return data


def _repeat_bytes(data: bytearray, draw: random.Random) -> bytearray:
    at = draw.randrange(len(data))
    data[at:at] = data[at : at + draw.randrange(1, 400)] * draw.choice((1, 2, 20))
    return data


def _overwrite_with_noise(data: bytearray, draw: random.Random) -> bytearray:
    at, length = draw.randrange(len(data)), draw.randrange(1, 300)
    data[at : at + length] = draw.randbytes(length)
    return data


_MUTATIONS: Final[tuple[Callable[[bytearray, random.Random], bytearray], ...]] = (
    *(
        _cut,
        _flip_bits,
        _flip_bits,
        _overwrite_header,
        _corrupt_length,
        _corrupt_length,
        _delete_bytes,
        _repeat_bytes,
        _overwrite_with_noise,
    ),
)


def make_png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colours: int = 0, extra: bytes = b""
) -> bytes:
    """Return a PNG with a claimed size and the given rows, including their filter bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, 1)), (b"IEND", b"")]
    return (
        b"\x89PNG\r\n\x1a\n"
        + make_png_chunk(*chunks[0])
        + extra
        + make_png_chunk(*chunks[1])
        + make_png_chunk(*chunks[2])
    )


def make_png_chunk(name: bytes, body: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def make_wav(
    rate: int, samples: bytes, *, kind: int = 1, bits: int = 16, claimed_size: int | None = None
) -> bytes:
    """Return a mono WAV whose header claims `claimed_size` bytes of sound; None: the true size."""
    size = len(samples) if claimed_size is None else claimed_size
    width = bits // 8
    sound = struct.pack("<HHIIHH", kind, 1, rate, rate * width, width, bits)
    head = b"RIFF" + struct.pack("<I", min(size + 36, 0xFFFFFFFF)) + b"WAVEfmt " + struct.pack("<I", 16)
    return head + sound + b"data" + struct.pack("<I", size) + samples


def make_special_files(valid: dict[str, bytes]) -> dict[str, bytes]:
    """Return the bytes of special hostile files, such as decompression bombs and loops, by name."""
    zeros = bytes(10_000_000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", zeros)
    tag = b"ID3\x04\0\0" + bytes([0x7F] * 4)  # a tag that is longer than the file
    looped = (
        b"CTOC" + bytes([0, 0, 0, 12, 0, 0]) + b"a\0\x03\x02a\0a\0\0\0\0\0"
    )  # a chapter list that lists itself
    nan = struct.pack("<f", float("nan")) * 4000 + struct.pack("<f", float("inf")) * 4000
    return {
        "empty.jpg": b"",
        "empty.flac": b"",
        "four-gigabytes.wav": make_wav(8000, b"\0\0\0\0", claimed_size=0xFFFFFFF0),
        "sixty-thousand.png": make_png(60_000, 60_000, bytes(1000)),
        "bomb-grey.png": make_png(14_000, 14_000, bytes(14_001 * 14_000)),
        "bomb-16-bit.png": make_png(15_000, 15_000, bytes(1000), depth=16),
        "bomb-text.png": make_png(
            8, 8, bytes(72), extra=make_png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(zeros))
        ),
        "bomb-profile.png": make_png(
            8, 8, bytes(72), extra=make_png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(zeros))
        ),
        "exif-60-mb.png": make_png(
            8, 8, bytes(72), extra=make_png_chunk(b"eXIf", b"II*\0\x08\0\0\0" + bytes(60_000_000))
        ),
        "one-pixel.png": make_png(1, 1, b"\0\x80"),
        "thread.png": make_png(1, 20_000, b"\0\x80" * 20_000),
        "ribbon.png": make_png(20_000, 1, b"\0" + b"\x80" * 20_000),
        "zip.png": archive.getvalue(),
        "zip.flac": archive.getvalue(),
        "picture.mp3": valid["jpg"],
        "music.png": valid["flac"],
        "sound.wav": valid["m4a"],
        "polyglot.jpg": valid["jpg"] + archive.getvalue(),
        "polyglot.gif": valid["gif"] + b"<script>alert(1)</script>",
        "two-in-one.png": valid["png"] + valid["wav"],
        "loop.tiff": b"II*\0\x08\0\0\0\x01\0\x00\x01\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0",
        "not-numbers.wav": make_wav(8000, nan, kind=3, bits=32),
        "a-hundredth.wav": make_wav(8000, bytes(160)),
        "tag-too-long.mp3": tag + valid["mp3"],
        "tag-loop.mp3": b"ID3\x04\0\0\0\0\0\x16" + looped + valid["mp3"],
        "playlist.mp3": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (r) file\n",
    }


def make_animation(frames: int) -> bytes:
    """Return a GIF with this number of frames."""
    from PIL import Image

    file = io.BytesIO()
    pictures = [Image.new("L", (4, 4), number % 256) for number in range(frames)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=20)
    return file.getvalue()


def write_silence(path: Path, hours: float) -> Path:
    """Write a sparse WAV file of silence at 8 kHz, which uses almost no disk space."""
    size = int(hours * 3600 * 8000) * 2
    with path.open("wb") as file:
        file.write(make_wav(8000, b"", claimed_size=size))
        file.truncate(44 + size)
    return path
