"""Small real media files, written when a test runs: photos, songs, and files that are damaged on purpose."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

IMAGE_SUFFIXES = ("jpg", "png", "webp", "avif", "gif", "tiff", "bmp")
MUSIC_SUFFIXES = ("wav", "flac", "ogg", "opus", "mp3", "m4a", "aac", "wma", "aiff")
IMAGE_DAMAGE = ("truncated", "empty", "zeroed", "text", "scrambled", "noise", "bomb")
MUSIC_DAMAGE = ("truncated", "empty", "zeroed", "text", "scrambled", "noise", "hollow")

_BY_SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_BY_PYAV = {  # suffix: container, codec, sample format
    "m4a": ("ipod", "aac", "fltp"),
    "aac": ("adts", "aac", "fltp"),
    "wma": ("asf", "wmav2", "fltp"),
    "aiff": ("aiff", "pcm_s16be", "s16"),
    "m4b": ("ipod", "alac", "s16p"),
    "mka": ("matroska", "flac", "s16"),
    "caf": ("caf", "pcm_s16be", "s16"),
    "wv": ("wv", "wavpack", "s16p"),
    "au": ("au", "pcm_s16be", "s16"),
}
_MULTITRACK = {  # suffix: container, audio codec, video codec
    ".m4a": ("mp4", "aac", "mpeg4"),
    ".mka": ("matroska", "libopus", "mpeg4"),
    ".weba": ("webm", "libopus", "libvpx"),
    ".ogg": ("ogg", "libopus", "libvpx"),
}
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}


def photo(path: Path, seed: int, size: tuple[int, int] = (320, 240)) -> Path:
    """Write a picture of soft patches in a hue of its own; the format follows the suffix."""
    Image.fromarray(scene(seed, size)).save(path)
    return path


def scene(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return uint8 (height, width, 3): coarse and fine patches around a colour that the seed draws."""
    random = np.random.default_rng(seed)
    width, height = size
    pixels = np.tile(random.uniform(30, 225, 3).astype(np.float32), (height, width, 1))
    for cells, weight in ((3, 60), (12, 30), (48, 15)):
        patches = random.uniform(-1, 1, (cells, cells, 3)) * 127 + 128
        spread = Image.fromarray(patches.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        pixels += (np.asarray(spread, np.float32) - 128) / 128 * weight
    return np.clip(pixels, 0, 255).astype(np.uint8)


def song(path: Path, seed: int, seconds: float = 2.0, rate: int = 22_050, channels: int = 1) -> Path:
    """Write a tune of a few decaying notes over noise; the format follows the suffix. Opus takes 48 kHz."""
    suffix = path.suffix[1:].lower()
    return encode(path, tune(seed, seconds, 48_000 if suffix == "opus" else rate, channels), rate)


def tune(seed: int, seconds: float, rate: int, channels: int = 1) -> NDArray[np.float32]:
    """Return float32 (n, channels) in [-0.9, 0.9]: half-second notes of a scale that the seed draws."""
    random = np.random.default_rng(seed)
    times = np.arange(round(seconds * rate)) / rate
    beats = np.floor(times * 2).astype(int)
    pitches = 110 * 2 ** (random.integers(0, 36, beats.max() + 1) / 12)
    phase = 2 * np.pi * np.cumsum(pitches[beats]) / rate
    voice = (np.sin(phase) + 0.3 * np.sin(2 * phase)) * np.exp(-3 * (times * 2 % 1))
    mixed = 0.5 * voice + random.uniform(0.002, 0.03) * random.standard_normal(len(times))
    return np.tile(np.clip(mixed, -0.9, 0.9).astype(np.float32)[:, None], (1, channels))


def tone(hertz: float, seconds: float, rate: int, channels: int = 1) -> NDArray[np.float32]:
    """Return float32 (n, channels): a sine of half the full scale."""
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.tile(wave.astype(np.float32)[:, None], (1, channels))


def multitrack(
    path: Path,
    tones: list[tuple[float, float]],
    *,
    video: bool = False,
    delay_s: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write an M4A, MKA, WEBA or OGG of several tracks.

    Args:
        path: The file; the format follows the suffix.
        tones: Hz and seconds of the sine in each audio track.
        video: Whether to add a grey video of five seconds, in place of all audio tracks but the first.
        delay_s: Time at which the audio tracks begin, in seconds.
        options: Options of FFmpeg's muxer.
    """
    container, audio_codec, video_codec = _MULTITRACK[path.suffix]
    rate = 48_000
    with av.open(path, "w", format=container, options=options or {}) as output:
        listed = tones[:1] if video else tones
        sounds: list[Any] = [output.add_stream(audio_codec, rate=rate, layout="stereo") for _ in listed]
        picture: Any = output.add_stream(video_codec, rate=10) if video else None
        if picture:
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuv420p"
        for stream, (hertz, seconds) in zip(sounds, listed, strict=True):
            for frame in _frames(tone(hertz, seconds, rate, 2), rate, "fltp", 960):
                frame.time_base = Fraction(1, rate)
                frame.pts = (frame.pts or 0) + round(delay_s * rate)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))
        for index in range(50 if picture else 0):
            image = av.VideoFrame(64, 64, "yuv420p")
            for plane in image.planes:
                plane.update(bytes([128]) * plane.buffer_size)
            image.pts, image.time_base = index, Fraction(1, 10)
            output.mux(picture.encode(image))
        if picture:
            output.mux(picture.encode(None))
    return path


def encode(path: Path, samples: NDArray[np.float32], rate: int) -> Path:
    """Write float32 (n, channels) in the format of the suffix."""
    suffix = path.suffix[1:].lower()
    if suffix in _BY_SOUNDFILE:
        container, subtype = _BY_SOUNDFILE[suffix]
        soundfile.write(
            path, samples, 48_000 if suffix == "opus" else rate, subtype=subtype, format=container
        )
        return path
    container, codec, sample_format = _BY_PYAV[suffix]
    with av.open(path, "w", format=container) as output:
        stream: Any = output.add_stream(
            codec, rate=rate, layout=_LAYOUTS[samples.shape[1]], format=sample_format
        )
        stream.bit_rate = 128_000  # WMA has no default
        for frame in _frames(samples, rate, sample_format, 2048 if codec == "wmav2" else 1024):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _frames(samples: NDArray[np.float32], rate: int, sample_format: str, size: int) -> list[av.AudioFrame]:
    frames = []
    for start in range(0, len(samples), size):
        block = samples[start : start + size].T
        if sample_format.startswith("s16"):
            block = np.round(block * 32767).astype(np.int16)
        if not sample_format.endswith("p"):
            block = block.T.reshape(1, -1)
        layout = _LAYOUTS[samples.shape[1]]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=sample_format, layout=layout)
        frame.sample_rate, frame.pts = rate, start
        frames.append(frame)
    return frames


def damaged(path: Path, kind: str, seed: int = 0) -> Path:
    """Write a file that looks like media by its suffix and cannot be read.

    Args:
        path: Its suffix is one of IMAGE_SUFFIXES or MUSIC_SUFFIXES (inside, "bomb" is a PNG, "hollow" a WAV).
        kind: One of IMAGE_DAMAGE or MUSIC_DAMAGE.
        seed: Of the content that is damaged.
    """
    image = path.suffix[1:].lower() in IMAGE_SUFFIXES
    if kind not in (IMAGE_DAMAGE if image else MUSIC_DAMAGE):
        raise ValueError(f"{path.name} cannot be damaged by {kind}")
    whole = (photo(path, seed) if image else song(path, seed)).read_bytes()
    path.write_bytes(_damage(whole, kind, seed))
    return path


def _damage(whole: bytes, kind: str, seed: int) -> bytes:
    match kind:
        case "truncated":  # of two seconds of sound, less than half a second
            return whole[: len(whole) // 5]
        case "empty":
            return b""
        case "zeroed":  # as after a copy that was interrupted
            return bytes(len(whole))
        case "text":
            return b"<html><body>404 Not Found</body></html>\n" * 20
        case "scrambled":
            return bytes(byte ^ 0xA5 for byte in whole[:65536]) + whole[65536:]
        case "noise":
            return np.random.default_rng(seed).bytes(2000)
        case "bomb":
            return bomb(40_000, 40_000)
        case _:  # hollow: a WAV header that announces no sound
            return (
                b"RIFF\x24\0\0\0WAVEfmt "
                + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
                + b"data\0\0\0\0"
            )


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a hundred bytes whose header claims the given size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )


def dated_photo(path: Path, seed: int, taken: str, tag: int = 0x9003) -> Path:
    """Write a photo whose EXIF data holds a date as cameras write it: `2023:07:14 18:20:05`."""
    exif = Image.Exif()
    exif[0x010F] = "Attune"  # without a maker, Pillow takes it for empty
    exif.get_ifd(0x8769)[tag] = taken
    Image.fromarray(scene(seed, (320, 240))).save(path, exif=exif.tobytes())
    return path


def xmp(properties: dict[str, str]) -> bytes:
    """Return an XMP packet with properties such as `xmp:Rating`."""
    names = {
        "exif": "http://ns.adobe.com/exif/1.0/",
        "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        "xmp": "http://ns.adobe.com/xap/1.0/",
    }
    spaces = " ".join(f'xmlns:{name}="{address}"' for name, address in names.items())
    values = " ".join(f'{name}="{value}"' for name, value in properties.items())
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" {spaces} {values}></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>""".encode()


def movie(path: Path, **metadata: str) -> Path:
    """Write a film of three grey frames; a name in `metadata` has `__` for a dot."""
    options = {"movflags": "use_metadata_tags"}
    with av.open(path, "w", format="mov", options=options) as output:
        for name, value in metadata.items():
            output.metadata[name.replace("__", ".")] = value
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for grey in (0, 40, 80):
            pixels = np.full((64, 64, 3), grey, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))
    return path
