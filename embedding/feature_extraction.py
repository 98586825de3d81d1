"""Feature extraction from media files: reading to a backbone's input, then the backbone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import hash_file
from attune.core.errors import MediaError, UnreachableMedia
from attune.embedding.backbones import Backbones, MusicFrontend
from attune.embedding.media_facts import MediaFacts
from attune.embedding.media_files import Kind
from attune.embedding.media_reader import NO_LIMITS, Limits, PreparedFile, read_media

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
