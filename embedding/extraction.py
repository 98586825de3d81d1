"""One media file becomes features: prepared (decoded, cut to what a backbone reads), then read by one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.artefacts import sha256_of
from attune.core.errors import MediaError, UnreachableMedia
from attune.embedding.backbones import Backbones, Listening
from attune.embedding.media import Kind
from attune.embedding.tags import Tags
from attune.embedding.view import MAX_PIXELS, View

BATCH: Final = 128  # pictures that a GPU reads at once


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
class Prepared(MediaFile):
    """A file as a backbone reads it.

    Attributes:
        rows: Of a picture, pixels, uint8 (1, side, side, 3); of music, moments, float32 (n, 187 or 188, 96),
            or the samples of which they are still to be made.
    """

    rows: NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extracted(MediaFile):
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
    listening: Listening,
    limits: Limits = NO_LIMITS,
) -> Prepared:
    """Decode one file.

    Args:
        path: The file.
        kind: What it is taken for.
        view: The square that a picture becomes.
        listening: What makes rows of samples.
        limits: What is larger is refused.

    Raises:
        MediaError: The file cannot be used, or somebody wrote it meanwhile; the reason says why.
    """
    before = _state_of(path)
    prepared = _prepare(path, kind, view, listening, limits)
    if _state_of(path) != before:  # rows and content would be of two states of it
        raise UnreachableMedia(path, "it changed while it was read")
    return prepared


def _prepare(path: Path, kind: Kind, view: View, listening: Listening, limits: Limits) -> Prepared:
    from attune.embedding.audio import MAX_SECONDS, read_audio
    from attune.embedding.dates import read_taken
    from attune.embedding.image import read_image
    from attune.embedding.tags import read_tags

    if kind == "image":
        picture = read_image(path, replace(view, max_pixels=limits.pixels))
        return Prepared(
            path=path,
            kind=kind,
            content=content_of(path),
            width=picture.width,
            height=picture.height,
            taken=read_taken(path),
            rows=picture.pixels[None],
        )
    sound = read_audio(path, end_s=min(limits.seconds, MAX_SECONDS))
    if sound.duration_s > limits.seconds:
        raise MediaError(path, f"lasts {sound.duration_s:.0f} s, more than {limits.seconds:g} s: not heard")
    return Prepared(
        path=path,
        kind=kind,
        content=content_of(path),
        duration_s=sound.duration_s,
        tags=read_tags(path),
        rows=listening(sound.samples),
    )


def extract(path: Path, kind: Kind, backbones: Backbones, limits: Limits = NO_LIMITS) -> Extracted:
    """Decode one file and run its backbone.

    Raises:
        MediaError: The file cannot be used; the reason says why.
        ArtefactError: The backbone's weights are missing or damaged.
    """
    prepared = prepare(path, kind, backbones.view, backbones.listening, limits)
    return _extracted(prepared, backbones.features(kind, prepared.rows))


def extract_in_batches(
    outcomes: Iterable[Prepared | MediaError], backbones: Backbones, listening: Listening
) -> Iterator[Extracted | MediaError]:
    """Run backbones over prepared files, many pictures at once: what a GPU wants.

    Args:
        outcomes: Prepared files, and those that could not be; these pass through.
        backbones: What reads them.
        listening: What is still to be done to the rows of music.

    Yields:
        As many outcomes; a picture when its batch is full or nothing more comes.

    Raises:
        ArtefactError: The weights are missing or damaged.
        NoDevice: The device cannot be used.
    """
    waiting: list[Prepared] = []
    for outcome in outcomes:
        if isinstance(outcome, MediaError):
            yield outcome
        elif outcome.kind == "music":  # many moments: a batch of its own
            yield _extracted(outcome, backbones.features("music", listening(outcome.rows)))
        else:
            waiting.append(outcome)
            if len(waiting) == BATCH:
                yield from _pictures(waiting, backbones)
                waiting = []
    yield from _pictures(waiting, backbones)


def _pictures(waiting: list[Prepared], backbones: Backbones) -> Iterator[Extracted]:
    if waiting:
        features = backbones.features("image", np.concatenate([one.rows for one in waiting]))
        yield from (_extracted(one, features[place : place + 1]) for place, one in enumerate(waiting))


def _extracted(prepared: Prepared, features: NDArray[np.float16]) -> Extracted:
    known = {one.name: getattr(prepared, one.name) for one in fields(MediaFile)}
    return Extracted(features=features, **known)


def as_it_is(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what was given: in place of a spectrogram that another process makes."""
    return rows


def _state_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def content_of(path: Path) -> bytes:
    """Return the SHA-256 of a media file's bytes: copies and moved files are known by it.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        return bytes.fromhex(sha256_of(path))
    except OSError as error:
        raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error
