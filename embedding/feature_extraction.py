"""Feature extraction from media files: one opening for all that is read, then the backbone."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.core.errors import MediaError, UnreachableMedia
from attune.embedding.backbones import Backbones, MusicFrontend
from attune.embedding.companion_files import read_sidecar
from attune.embedding.flat_pictures import require_content
from attune.embedding.image_geometry import MAX_PIXELS, ImageSpec, crop_padding
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
            its levelled samples, float32 (S,), if patches are computed later.
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


def read_facts(path: Path, kind: Kind, known: MediaFacts) -> MediaFacts:
    """Read again what a file and its sidecar say, without decoding the file.

    Args:
        path: The file.
        kind: The media type as which it was decoded.
        known: Facts about its content, which has not changed; all of them, if the file cannot be opened.
    """
    read = _read_picture_facts if kind == "image" else _read_song_facts
    try:
        with open_media(path) as file:
            return read(path, file, known)
    except MediaError:
        return known


def _read_picture(path: Path, file: FileIO, spec: ImageSpec) -> PreparedFile:
    from attune.embedding.image_decoding import decode_image_file

    picture = decode_image_file(path, file, spec)
    require_content(path, crop_padding(picture.pixels, (picture.width, picture.height), spec))
    content = MediaFacts(content=_hash_open_file(path, file), width=picture.width, height=picture.height)
    return PreparedFile(path, "image", _read_picture_facts(path, file, content), picture.pixels[None])


def _read_picture_facts(path: Path, file: FileIO, content: MediaFacts) -> MediaFacts:
    from attune.embedding.capture_facts import find_capture_facts

    file.seek(0)
    sidecar = read_sidecar(path)
    capture = find_capture_facts(path, file, sidecar.facts)
    return replace(content, taken=capture.taken, rating=capture.rating, sidecar_mtime_ns=sidecar.mtime_ns)


def _read_music(path: Path, file: FileIO, music_frontend: MusicFrontend, limits: Limits) -> PreparedFile:
    from attune.embedding.audio_decoding import MAX_SECONDS, read_audio_file
    from attune.embedding.levelled_sound import level_sound

    sound = read_audio_file(path, file, end_s=min(limits.seconds, MAX_SECONDS))
    if sound.duration_s > limits.seconds:
        raise MediaError(path, f"lasts {sound.duration_s:.0f} s, more than {limits.seconds:g} s: not read")
    rows = music_frontend(level_sound(path, sound.samples))
    content = MediaFacts(content=_hash_open_file(path, file), duration_s=sound.duration_s)
    return PreparedFile(path, "music", _read_song_facts(path, file, content), rows)


def _read_song_facts(path: Path, file: FileIO, content: MediaFacts) -> MediaFacts:
    from attune.embedding.media_tags import find_tags

    file.seek(0)
    tags, sidecar = find_tags(file), read_sidecar(path)
    rating = tags.rating if sidecar.facts.rating is None else sidecar.facts.rating
    return replace(
        content,
        title=tags.title,
        artist=tags.artist,
        rating=rating,
        sidecar_mtime_ns=sidecar.mtime_ns,
    )


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


IMAGE_BATCH_SIZE: Final = 128  # pictures per run on a GPU


@dataclass(frozen=True, slots=True)
class FileFeatures:
    """A file with its features.

    Attributes:
        path: The file.
        kind: The media type as which it was decoded.
        facts: What a library stores about it.
        features: float16 (rows, width): one row for a picture, one row per patch for music.
    """

    path: Path
    kind: Kind
    facts: MediaFacts
    features: NDArray[np.float16]


def extract(path: Path, kind: Kind, backbones: Backbones, limits: Limits = NO_LIMITS) -> FileFeatures:
    """Decode one file and run its backbone.

    Raises:
        MediaError: The file cannot be used.
        ArtefactError: The backbone's weights are missing or damaged.
    """
    prepared = read_media(path, kind, backbones.image_spec, backbones.music_frontend, limits)
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
    return FileFeatures(prepared.path, prepared.kind, prepared.facts, features)


def pass_through(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return samples unchanged, where another process computes their patches."""
    return rows


def hash_content(path: Path) -> bytes:
    """Return the SHA-256 of a media file's bytes, by which copied and moved files are recognised.

    Raises:
        MediaError: The file cannot be read.
    """
    try:
        return bytes.fromhex(hash_file(path))
    except OSError as error:
        raise UnreachableMedia(path, f"cannot be read ({error.strerror})") from error
