"""One media file becomes features: prepared (decoded, cut to what a backbone reads), then read by one."""

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
from attune.embedding.media_files import Kind
from attune.embedding.title_tags import Tags

IMAGE_BATCH_SIZE: Final = 128  # pictures that a GPU reads at once


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """What is known of one media file before any network has seen it.

    Attributes:
        path: The file.
        kind: What it is.
        content: SHA-256 of the file's bytes.
        duration_s: Length of the whole piece in seconds, None for a picture.
        width: Pixels of the upright picture, None for music.
        height: Pixels of the upright picture, None for music.
        tags: Title and artist, where the file names them.
        taken: When the picture was taken, ISO 8601, where the file says so.
    """

    path: Path
    kind: Kind
    content: bytes
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    tags: Tags = field(default_factory=lambda: Tags(None, None))
    taken: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedFile(MediaFile):
    """A file as a backbone reads it.

    Attributes:
        rows: Of a picture, pixels, uint8 (1, side, side, 3); of music, moments, float32 (n, 187 or 188, 96),
            or the samples of which they are still to be made.
    """

    rows: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFeatures(MediaFile):
    """A file as networks read it.

    Attributes:
        features: float16, shape (rows, width): one row for a picture, one a patch for music.
    """

    features: NDArray[np.float16]


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
        kind: What it is taken for.
        view: The square that a picture becomes.
        music_frontend: What makes rows of samples.
        limits: What is larger is refused.

    Raises:
        MediaError: The file cannot be used, or somebody wrote it meanwhile; the reason says why.
    """
    before = _file_state(path)
    prepared = _decode_file(path, kind, view, music_frontend, limits)
    if _file_state(path) != before:  # rows and content would be of two states of it
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
        raise MediaError(path, f"lasts {sound.duration_s:.0f} s, more than {limits.seconds:g} s: not heard")
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
        MediaError: The file cannot be used; the reason says why.
        ArtefactError: The backbone's weights are missing or damaged.
    """
    prepared = prepare(path, kind, backbones.view, backbones.music_frontend, limits)
    return _attach_features(prepared, backbones.features(kind, prepared.rows))


def extract_in_batches(
    outcomes: Iterable[PreparedFile | MediaError], backbones: Backbones, music_frontend: MusicFrontend
) -> Iterator[FileFeatures | MediaError]:
    """Run backbones over prepared files, many pictures at once: what a GPU wants.

    Args:
        outcomes: Prepared files, and those that could not be; these pass through.
        backbones: What reads them.
        music_frontend: What is still to be done to the rows of music.

    Yields:
        As many outcomes; a picture when its batch is full or nothing more comes.

    Raises:
        ArtefactError: The weights are missing or damaged.
        NoDevice: The device cannot be used.
    """
    waiting: list[PreparedFile] = []
    for outcome in outcomes:
        if isinstance(outcome, MediaError):
            yield outcome
        elif outcome.kind == "music":  # many moments: a batch of its own
            yield _attach_features(outcome, backbones.features("music", music_frontend(outcome.rows)))
        else:
            waiting.append(outcome)
            if len(waiting) == IMAGE_BATCH_SIZE:
                yield from _extract_image_batch(waiting, backbones)
                waiting = []
    yield from _extract_image_batch(waiting, backbones)


def _extract_image_batch(waiting: list[PreparedFile], backbones: Backbones) -> Iterator[FileFeatures]:
    if waiting:
        features = backbones.features("image", np.concatenate([one.rows for one in waiting]))
        yield from (_attach_features(one, features[place : place + 1]) for place, one in enumerate(waiting))


def _attach_features(prepared: PreparedFile, features: NDArray[np.float16]) -> FileFeatures:
    known = {one.name: getattr(prepared, one.name) for one in fields(MediaFile)}
    return FileFeatures(features=features, **known)


def pass_through(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what was given: in place of a spectrogram that another process makes."""
    return rows


def _file_state(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def hash_content(path: Path) -> bytes:
    """Return the SHA-256 of a media file's bytes: copies and moved files are known by it.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        return bytes.fromhex(hash_file(path))
    except OSError as error:
        raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error
