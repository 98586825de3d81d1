"""Music in formats that few programs write: by FFmpeg's encoders, or by hand where there is none."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

from attune.tests.media_factory import tone

HERTZ = 440.0
SECONDS = 2.0
_BY_FFMPEG = {  # suffix: container, codec, sample format, rate, channels
    "3ga": ("3gp", "libopencore_amrnb", "s16", 8_000, 1),
    "ac3": ("ac3", "ac3", "fltp", 48_000, 2),
    "adts": ("adts", "aac", "fltp", 44_100, 2),
    "alac": ("ipod", "alac", "s16p", 44_100, 2),
    "amr": ("amr", "libopencore_amrnb", "s16", 8_000, 1),
    "ec3": ("eac3", "eac3", "fltp", 48_000, 2),
    "m4r": ("ipod", "aac", "fltp", 44_100, 2),
    "mpa": ("mp2", "mp2", "s16", 44_100, 2),
    "oga": ("oga", "flac", "s16", 44_100, 2),
    "snd": ("au", "pcm_s16be", "s16", 44_100, 2),
    "tta": ("tta", "tta", "s16", 44_100, 2),
    "voc": ("voc", "pcm_u8", "u8", 22_050, 1),
    "weba": ("webm", "libopus", "s16", 48_000, 2),
}


def rare_song(path: Path) -> Path:
    """Write two seconds of a sine of 440 Hz in the format of the suffix; see SOUNDLESS for the exceptions."""
    suffix = path.suffix[1:]
    if suffix in _BY_FFMPEG:
        return _encode(path, *_BY_FFMPEG[suffix])
    path.write_bytes(_BY_HAND[suffix]())
    return path


def _encode(path: Path, container: str, codec: str, sample_format: str, rate: int, channels: int) -> Path:
    layout = "mono" if channels == 1 else "stereo"
    samples = tone(HERTZ, SECONDS, rate, channels)
    with av.open(path, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout, format=sample_format)
        if codec == "libopencore_amrnb":
            stream.bit_rate = 12_200
        for start in range(0, len(samples), 960):
            block = np.ascontiguousarray(samples[start : start + 960].T)
            frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _dsd_bits() -> Any:
    """Return the sine as one-bit samples at 2.8 MHz, by a first-order sigma-delta modulator; 0 or 1, (n,)."""
    wave = np.repeat(tone(HERTZ, SECONDS, 44_100)[:, 0].astype(np.float64), 64)
    return np.diff(np.floor(np.cumsum((wave + 1) / 2)), prepend=0).astype(np.uint8)


def _dsf() -> bytes:
    bits = _dsd_bits()
    block = 4096
    channel = np.packbits(bits, bitorder="little").tobytes()
    channel += b"\x69" * (-len(channel) % block)
    data = b"".join(channel[start : start + block] * 2 for start in range(0, len(channel), block))
    form = struct.pack("<4sQIIIIIIQII", b"fmt ", 52, 1, 0, 2, 2, 2_822_400, 1, len(bits), block, 0)
    data = struct.pack("<4sQ", b"data", 12 + len(data)) + data
    return struct.pack("<4sQQQ", b"DSD ", 28, 28 + len(form) + len(data), 0) + form + data


def _dff() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack(">Q", len(body)) + body

    properties = (
        b"SND "
        + chunk(b"FS  ", struct.pack(">I", 2_822_400))
        + chunk(b"CHNL", b"\0\2SLFTSRGT")
        + chunk(b"CMPR", b"DSD \x0enot compressed\0")
    )
    data = np.repeat(np.packbits(_dsd_bits()), 2).tobytes()
    body = chunk(b"FVER", b"\1\5\0\0") + chunk(b"PROP", properties) + chunk(b"DSD ", data)
    return chunk(b"FRM8", b"DSD " + body)


def _svx() -> bytes:
    samples = (tone(HERTZ, SECONDS, 11_025)[:, 0] * 127).astype(np.int8).tobytes()
    header = struct.pack(">IIIHBBI", len(samples), 0, 0, 11_025, 1, 0, 0x10000)
    body = b"8SVXVHDR" + struct.pack(">I", len(header)) + header + b"BODY" + struct.pack(">I", len(samples))
    return b"FORM" + struct.pack(">I", len(body) + len(samples)) + body + samples


def _shorten() -> bytes:
    """Return Shorten 2, with each sample's difference to zero in a Rice code."""
    rate = 8_000
    samples = (tone(HERTZ, SECONDS, rate)[:, 0] * 32767).astype(int)
    header = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH4sI", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", 0)

    def rice(value: int, bits: int) -> str:
        low = f"{value & ((1 << bits) - 1):0{bits}b}" if bits else ""
        return "0" * (value >> bits) + "1" + low

    def number(value: int) -> str:
        return rice(value.bit_length(), 2) + rice(value, value.bit_length())

    size = 256
    code = "".join(number(value) for value in (5, 1, size, 0, 0, 0))  # 5: 16-bit little-endian samples
    code += rice(9, 2) + rice(len(header), 5) + "".join(rice(byte, 8) for byte in header)
    for start in range(0, len(samples) // size * size, size):
        block = samples[start : start + size]
        code += rice(0, 2) + rice(12, 3) + "".join(rice(2 * v if v >= 0 else -2 * v - 1, 13) for v in block)
    code += rice(4, 2)
    code += "0" * (-len(code) % 32)
    return b"ajkg\2" + int(code, 2).to_bytes(len(code) // 8, "big") + bytes(64)


def _gsm() -> bytes:
    noise = np.random.default_rng(1)
    return b"".join(b"\xd5" + noise.bytes(32) for _ in range(round(SECONDS * 50)))


def _amr_wideband() -> bytes:
    noise = np.random.default_rng(1)
    return b"#!AMR-WB\n" + b"".join(b"\x04" + noise.bytes(17) for _ in range(round(SECONDS * 50)))


def _layer_1() -> bytes:
    return (b"\xff\xff\x10\xc0" + bytes(28)) * math.ceil(SECONDS * 44_100 / 384)


def _monkeys_audio() -> bytes:
    rate, block = 44_100, 73_728
    total = round(SECONDS * rate)
    frames = math.ceil(total / block)
    frame = struct.pack("<IIII", 0x8000_0000, 3, 0, 0)  # no checksum, and flags that say that it is silent
    header = struct.pack("<HHIIIHHI", 2000, 32, block, total - (frames - 1) * block, frames, 16, 2, rate)
    table = struct.pack(f"<{frames}I", *(52 + 24 + 4 * frames + 16 * index for index in range(frames)))
    sizes = struct.pack("<IIIIIII", 52, 24, len(table), 0, 16 * frames, 0, 0)
    return b"MAC " + struct.pack("<HH", 3990, 0) + sizes + bytes(16) + header + table + frame * frames


def _musepack_8() -> bytes:
    def packet(key: bytes, body: bytes) -> bytes:
        return key + bytes([len(body) + 3]) + body

    def number(value: int) -> bytes:
        return bytes([0x80 | value >> 14, 0x80 | (value >> 7) & 0x7F, value & 0x7F])

    total = round(SECONDS * 44_100)
    stream = b"\x08" + number(total) + b"\0" + b"\x1b\x10"  # 44.1 kHz, 28 bands, stereo, a frame per packet
    head = packet(b"SH", struct.pack(">I", zlib.crc32(stream)) + stream)
    sound = packet(b"AP", bytes(2)) * math.ceil(total / 1152)
    return b"MPCK" + head + packet(b"RG", b"\1" + bytes(8)) + sound + packet(b"SE", b"")


def _speex() -> bytes:
    header = b"Speex   ".ljust(28, b"\0") + struct.pack("<13i", 1, 80, 8_000, 0, 4, 1, -1, 160, 0, 1, 0, 0, 0)
    silent = [b"\x07"] * round(SECONDS * 50)  # narrow band, nothing transmitted, terminator
    return _ogg([[header], [struct.pack("<II", 0, 0)], *([packet] for packet in silent)], 160)


def _ogg(pages: Iterable[list[bytes]], samples: int) -> bytes:
    """Return an Ogg stream: two pages of headers, then pages that each hold a number of samples."""
    content = b""
    listed = list(pages)
    for index, packets in enumerate(listed):
        flags = 2 if index == 0 else 4 if index == len(listed) - 1 else 0
        granule = max(index - 1, 0) * samples
        head = struct.pack("<4sBBQII", b"OggS", 0, flags, granule, 1, index)
        rest = bytes([len(packets), *map(len, packets)]) + b"".join(packets)
        checksum = _ogg_checksum(head + bytes(4) + rest)
        content += head + struct.pack("<I", checksum) + rest
    return content


def _ogg_checksum(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1) ^ (0x04C11DB7 if value & 0x8000_0000 else 0)
    return value & 0xFFFF_FFFF


def _broadcast_wave() -> bytes:
    import io

    buffer = io.BytesIO()
    soundfile.write(buffer, tone(HERTZ, SECONDS, 44_100), 44_100, format="WAV", subtype="PCM_24")
    return buffer.getvalue()


_BY_HAND: dict[str, Callable[[], bytes]] = {
    "8svx": _svx,
    "ape": _monkeys_audio,
    "awb": _amr_wideband,
    "bwf": _broadcast_wave,
    "dff": _dff,
    "dsf": _dsf,
    "gsm": _gsm,
    "mp1": _layer_1,
    "mpc": _musepack_8,
    "shn": _shorten,
    "spx": _speex,
}
RARE_SUFFIXES = (*_BY_FFMPEG, *_BY_HAND)
SOUNDLESS = frozenset(("ape", "awb", "gsm", "mp1", "mpc", "spx"))
"""Formats whose files hold silence or noise in place of a sine, as their encoders are long."""
