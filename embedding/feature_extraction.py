"""Feature extraction from media files: decoding to a backbone's input, then the backbone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.core.errors import MediaError, UnreachableMedia
from attune.embedding.backbones import Backbones, MusicFrontend
from attune.embedding.image_geometry import MAX_PIXELS, View
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind
from attune.embedding.title_tags import Tags

IMAGE_BATCH_SIZE: Final = 128  # pictures per run on a GPU


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """Metadata of one media file.

    Attributes:
        path: The file.
        kind: Its media type.
        content: SHA-256 of the file's bytes, 32 bytes.
        duration_s: Length of the whole recording in seconds; None for a picture.
        width: Width of the upright picture in pixels; None for music.
        height: Height of the upright picture in pixels; None for music.
        tags: Title and artist of music, where the file names them.
        taken: Capture date of a picture in ISO 8601; None if the file has none.
    """

    path: Path
    kind: Kind
    content: bytes
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    tags: Tags = field(default_factory=lambda: Tags(None, None))
    taken: str | None = None

    @property
    def facts(self) -> MediaFacts:
        """What a library stores about the file."""
        return MediaFacts(
            content=self.content,
            duration_s=self.duration_s,
            width=self.width,
            height=self.height,
            title=self.tags.title,
            artist=self.tags.artist,
            taken=self.taken,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFile(MediaFile):
    """A decoded file, ready for a backbone.

    Attributes:
        rows: Pixels of a picture, uint8 (1, side, side, 3); patches of music, float32 (n, 187 or 188, 96), or
            its samples, float32 (S,), if patches are computed later.
    """

    rows: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFeatures(MediaFile):
    """A file with its features.

    Attributes:
        features: float16 (rows, width): one row for a picture, one row per patch for music.
    """

    features: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Limits:
    """Size limits; a file above them is refused before it takes much time.

    Attributes:
        pixels: Largest number of pixels of a picture.
        seconds: Greatest length of music.
    """

    pixels: int = MAX_PIXELS
    seconds: float = math.inf


NO_LIMITS = Limits()


def prepare(
    path: Path,
    kind: Kind,
    view: View,
    music_frontend: MusicFrontend,
    limits: Limits = NO_LIMITS,
) -> PreparedFile:
    """Decode one file.

    Args:
        path: The file.
        kind: The media type as which it is decoded.
        view: Size and shape of a decoded picture.
        music_frontend: Function that computes rows from the samples of music.
        limits: Sizes above which the file is refused.

    Raises:
        MediaError: The file cannot be used, or it changed while it was read.
    """
    before = _file_state(path)
    prepared = _decode_file(path, kind, view, music_frontend, limits)
    if _file_state(path) != before:  # rows and checksum might be of different contents
        raise UnreachableMedia(path, "it changed while it was read")
    return prepared


def _decode_file(
    path: Path, kind: Kind, view: View, music_frontend: MusicFrontend, limits: Limits
) -> PreparedFile:
    from attune.embedding.audio_decoding import MAX_SECONDS, read_audio
    from attune.embedding.capture_date import read_capture_date
    from attune.embedding.image_decoding import read_image
    from attune.embedding.title_tags import read_tags

    if kind == "image":
        picture = read_image(path, replace(view, max_pixels=limits.pixels))
        return PreparedFile(
            path=path,
            kind=kind,
            content=hash_content(path),
            width=picture.width,
            height=picture.height,
            taken=read_capture_date(path),
            rows=picture.pixels[None],
        )
    sound = read_audio(path, end_s=min(limits.seconds, MAX_SECONDS))
    if sound.duration_s > limits.seconds:
        raise MediaError(path, f"lasts {sound.duration_s:.0f} s, more than {limits.seconds:g} s: not read")
    return PreparedFile(
        path=path,
        kind=kind,
        content=hash_content(path),
        duration_s=sound.duration_s,
        tags=read_tags(path),
        rows=music_frontend(sound.samples),
    )


def extract(path: Path, kind: Kind, backbones: Backbones, limits: Limits = NO_LIMITS) -> FileFeatures:
    """Decode one file and run its backbone.

    Raises:
        MediaError: The file cannot be used.
        ArtefactError: The backbone's weights are missing or damaged.
    """
    prepared = prepare(path, kind, backbones.view, backbones.music_frontend, limits)
    return _attach_features(prepared, backbones.features(kind, prepared.rows))


def extract_in_batches(
    outcomes: Iterable[PreparedFile | MediaError], backbones: Backbones, music_frontend: MusicFrontend
) -> Iterator[FileFeatures | MediaError]:
    """Run backbones over decoded files, with pictures in large batches, as is fast on a GPU.

    Args:
        outcomes: Decoded files, and errors, which are yielded unchanged.
        backbones: The backbones.
        music_frontend: Function that computes patches from the rows of music.

    Yields:
        One outcome for each input; pictures are delayed until their batch is full or the input ends.

    Raises:
        ArtefactError: The weights are missing or damaged.
        DeviceUnavailable: The device cannot be used.
    """
    waiting: list[PreparedFile] = []
    for outcome in outcomes:
        if isinstance(outcome, MediaError):
            yield outcome
        elif outcome.kind == "music":  # its patches are a batch of their own
            yield _attach_features(outcome, backbones.features("music", music_frontend(outcome.rows)))
        else:
            waiting.append(outcome)
            if len(waiting) == IMAGE_BATCH_SIZE:
                yield from _extract_image_batch(waiting, backbones)
                waiting = []
    yield from _extract_image_batch(waiting, backbones)


def _extract_image_batch(waiting: list[PreparedFile], backbones: Backbones) -> Iterator[FileFeatures]:
    if waiting:
        features = backbones.features("image", np.concatenate([prepared.rows for prepared in waiting]))
        for index, prepared in enumerate(waiting):
            yield _attach_features(prepared, features[index : index + 1])


def _attach_features(prepared: PreparedFile, features: NDArray[np.float16]) -> FileFeatures:
    metadata = {entry.name: getattr(prepared, entry.name) for entry in fields(MediaFile)}
    return FileFeatures(features=features, **metadata)


def pass_through(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return samples unchanged, where another process computes their patches."""
    return rows


def _file_state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def hash_content(path: Path) -> bytes:
    """Return the SHA-256 of a media file's bytes, by which copied and moved files are recognised.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        return bytes.fromhex(hash_file(path))
    except OSError as error:
        raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error
