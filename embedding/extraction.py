"""One media file becomes features."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.artefacts import sha256_of
from core.errors import MediaError, UnreachableMedia
from embedding.backbones import Backbones
from embedding.image import MAX_PIXELS
from embedding.media import Kind
from embedding.tags import Tags


@dataclass(frozen=True, slots=True)
class Extracted:
    """What is known of one media file before any network has seen it.

    Attributes:
        path: The file.
        kind: What it is.
        content: SHA-256 of the file's bytes.
        features: float16, shape (rows, width): one row for a picture, one a patch for music.
        duration_s: Length of the whole piece in seconds, None for a picture.
        width: Pixels of the upright picture, None for music.
        height: Pixels of the upright picture, None for music.
        tags: Title and artist, where the file names them.
        taken: When the picture was taken, ISO 8601, where the file says so.
    """

    path: Path
    kind: Kind
    content: bytes
    features: NDArray[np.float16]
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    tags: Tags = field(default_factory=lambda: Tags(None, None))
    taken: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file may be: what is beyond is refused before it costs much.

    Attributes:
        pixels: Of a picture.
        seconds: Of music.
    """

    pixels: int = MAX_PIXELS
    seconds: float = math.inf


NO_LIMITS = Limits()


def extract(path: Path, kind: Kind, backbones: Backbones, limits: Limits = NO_LIMITS) -> Extracted:
    """Decode one file and run its backbone.

    Raises:
        MediaError: The file cannot be used; the reason says why.
        ArtefactError: The backbone's weights are missing or damaged.
    """
    from embedding.audio import MAX_SECONDS, read_audio
    from embedding.dates import read_taken
    from embedding.image import read_image
    from embedding.tags import read_tags

    if kind == "image":
        picture = read_image(path, replace(backbones.view, max_pixels=limits.pixels))
        features = backbones.image_features(picture)
        return Extracted(
            path,
            kind,
            content_of(path),
            features,
            width=picture.width,
            height=picture.height,
            taken=read_taken(path),
        )
    sound = read_audio(path, end_s=min(limits.seconds, MAX_SECONDS))
    if sound.duration_s > limits.seconds:
        raise MediaError(path, f"lasts {sound.duration_s:.0f} s, more than {limits.seconds:g} s: not heard")
    features = backbones.music_features(sound)
    return Extracted(
        path, kind, content_of(path), features, duration_s=sound.duration_s, tags=read_tags(path)
    )


def content_of(path: Path) -> bytes:
    """Return the SHA-256 of a media file's bytes: copies and moved files are known by it.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        return bytes.fromhex(sha256_of(path))
    except OSError as error:
        raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error
