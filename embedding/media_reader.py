"""Reading of media files: in one opening, what a backbone takes and what a library stores."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, Final

from numpy.typing import NDArray

from attune.core.errors import MediaError, UnreachableMedia
from attune.embedding.backbones import MusicFrontend
from attune.embedding.image_geometry import MAX_PIXELS, ImageSpec
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind, open_media


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """A decoded file, ready for a backbone.

    Attributes:
        path: The file.
        kind: The media type as which it was decoded.
        facts: What a library stores about it.
        rows: Pixels of a picture, uint8 (1, side, side, 3); patches of music, float32 (n, 187 or 188, 96), or
            its samples, float32 (S,), if patches are computed later.
    """

    path: Path
    kind: Kind
    facts: MediaFacts
    rows: NDArray[Any]


@dataclass(frozen=True, slots=True)
class Limits:
    """Size limits; a file above them is refused before it takes much time.

    Attributes:
        pixels: Largest number of pixels of a picture.
        seconds: Greatest length of music.
    """

    pixels: int = MAX_PIXELS
    seconds: float = math.inf


NO_LIMITS: Final = Limits()


def read_media(
    path: Path,
    kind: Kind,
    image_spec: ImageSpec,
    music_frontend: MusicFrontend,
    limits: Limits = NO_LIMITS,
) -> PreparedFile:
    """Decode one file, and read its facts.

    Args:
        path: The file.
        kind: The media type as which it is decoded.
        image_spec: Size and shape of a decoded picture.
        music_frontend: Function that computes rows from the samples of music.
        limits: Sizes above which the file is refused.

    Raises:
        MediaError: The file cannot be used, or it changed while it was read.
    """
    with open_media(path) as file:
        before = os.fstat(file.fileno())
        if kind == "image":
            prepared = _read_picture(path, file, replace(image_spec, max_pixels=limits.pixels))
        else:
            prepared = _read_music(path, file, music_frontend, limits)
    if not _is_unchanged(path, before):  # rows and checksum might be of different contents
        raise UnreachableMedia(path, "it changed while it was read")
    return prepared


def _read_picture(path: Path, file: FileIO, spec: ImageSpec) -> PreparedFile:
    from attune.embedding.image_decoding import decode_image_file
    from attune.embedding.media_tags import find_capture_date

    picture = decode_image_file(path, file, spec)
    file.seek(0)
    taken = find_capture_date(path, file)
    facts = MediaFacts(
        content=_hash_open_file(path, file), width=picture.width, height=picture.height, taken=taken
    )
    return PreparedFile(path, "image", facts, picture.pixels[None])


def _read_music(path: Path, file: FileIO, music_frontend: MusicFrontend, limits: Limits) -> PreparedFile:
    from attune.embedding.audio_decoding import MAX_SECONDS, read_audio_file
    from attune.embedding.media_tags import find_tags

    sound = read_audio_file(path, file, end_s=min(limits.seconds, MAX_SECONDS))
    if sound.duration_s > limits.seconds:
        raise MediaError(path, f"lasts {sound.duration_s:.0f} s, more than {limits.seconds:g} s: not read")
    file.seek(0)
    tags = find_tags(file)
    facts = MediaFacts(
        content=_hash_open_file(path, file),
        duration_s=sound.duration_s,
        title=tags.title,
        artist=tags.artist,
    )
    return PreparedFile(path, "music", facts, music_frontend(sound.samples))


def _hash_open_file(path: Path, file: FileIO) -> bytes:
    try:
        file.seek(0)
        return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error


def _is_unchanged(path: Path, before: os.stat_result) -> bool:
    """Return whether a path still names the file that was opened, with the same size and time."""
    try:
        after = path.stat()
    except OSError:
        return False
    return (after.st_ino, after.st_size, after.st_mtime_ns) == (
        before.st_ino,
        before.st_size,
        before.st_mtime_ns,
    )
