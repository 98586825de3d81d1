"""Embedding, affect and capture time of the photos in a folder, whether the library has them or not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError
from attune.core.paths import absolute_path
from attune.core.progress import Progress
from attune.core.settings import Settings
from attune.embedding.affect import Affect
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.media_files import kind_of
from attune.embedding.network import Network
from attune.retrieval.seeds import QueryResolver
from attune.retrieval.story.picture_candidates import read_capture_time


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo.

    Attributes:
        path: Absolute path.
        taken: When it was taken, in local time.
        vector: float32 (128,), its embedding.
        affect: Its valence, arousal and polarity.
    """

    path: str
    taken: datetime
    vector: NDArray[np.float32]
    affect: Affect


def read_photos(
    folder: Path, seeds: QueryResolver, network: Network, settings: Settings, progress: Progress
) -> tuple[list[Photo], list[MediaError]]:
    """Read all pictures below a folder; worker processes embed those that the library does not have.

    Args:
        folder: The folder.
        seeds: Source of the embeddings that the library has.
        network: The network that embeds the other photos.
        settings: Settings of the worker processes.
        progress: Receives the progress over the photos to embed.

    Returns:
        The photos in the order in which they were taken, and the errors of files that cannot be read.
    """
    photos: list[Photo] = []
    lost: list[MediaError] = []
    unknown: list[ExtractionJob] = []
    for path in iter_pictures(folder):
        try:
            seed = seeds.find_known(path)
            if seed is None:
                unknown.append(ExtractionJob(Path(path), "image"))
            else:
                photos.append(Photo(path, read_capture_time(path), seed.vector, seed.affect))
        except MediaError as error:
            lost.append(error)
    progress.start("Photos", len(unknown))
    try:
        for outcome in extract_all(unknown, settings, network.backbones):
            progress.advance()
            if isinstance(outcome, MediaError):
                lost.append(outcome)
                continue
            embedded = network.embed("image", outcome.features)
            path = str(outcome.path)
            photos.append(
                Photo(path, read_capture_time(path), embedded.vectors[0], Affect.from_row(embedded.affect[0]))
            )
    finally:
        progress.finish()
    return sorted(photos, key=lambda photo: (photo.taken, photo.path)), lost


def iter_pictures(folder: Path) -> Iterator[str]:
    """Yield the absolute paths of the pictures below a folder, sorted by name, without hidden folders."""
    for parent, folders, names in os.walk(absolute_path(folder)):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = os.path.join(parent, name)  # noqa: PTH118 - names may be any bytes
            if not name.startswith(".") and kind_of(name) == "image" and os.path.isfile(path):  # noqa: PTH113
                yield path
