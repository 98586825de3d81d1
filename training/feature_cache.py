"""Cache of backbone features of labelled media."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.errors import MediaError
from attune.core.progress import Progress, SilentProgress
from attune.core.settings import Settings
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.onnx_session import Device
from attune.training.manifest import LabelledRow
from attune.training.spectrograms import create_spectrogram


@dataclass(frozen=True, slots=True)
class CachedFeatures:
    """Features of the rows whose files could be read, and the errors of the others.

    Attributes:
        rows: N rows.
        features: For each row float16 (segments, width of the backbone); a picture has one segment.
        skipped: Files that could not be read, in path order.
    """

    rows: list[LabelledRow]
    features: list[NDArray[np.float16]]
    skipped: list[MediaError]


def extract_cached_features(
    rows: Sequence[LabelledRow],
    backbone: Backbone,
    cache: Path,
    workers: int,
    progress: Progress | None = None,
    device: Device = "cpu",
) -> CachedFeatures:
    """Return a backbone's features of each row's file, computing those that are not in the cache.

    Each file's features are stored as soon as they are computed, so that an interrupted run continues where
    it stopped. The key is backbone, path, size and modification time: features are computed again for new
    weights or a changed file.

    Args:
        rows: The labelled files, all of one modality.
        backbone: A backbone of that modality.
        cache: Folder of the cache, made if missing.
        workers: Number of processes that decode and run the backbone.
        progress: Notified after each file; silent by default.
        device: Device that the backbone runs on.

    Returns:
        The readable rows with their features, and the errors of the other files.
    """
    listener = progress or SilentProgress()
    folder = cache / backbone.id
    folder.mkdir(parents=True, exist_ok=True)
    cache_files = {row.path: folder / f"{cache_key(row.path)}.npy" for row in rows}
    missing = [path for path, file in cache_files.items() if not file.is_file()]
    listener.start(f"features: {backbone.kind}", len(missing))
    skipped: list[MediaError] = []
    jobs = (ExtractionJob(path, backbone.kind) for path in missing)
    settings = Settings(workers=workers, device=device)
    backbones = DEFAULT_BACKBONES | {backbone.kind: backbone}
    for outcome in extract_all(jobs, settings, backbones, create_spectrogram(device)):
        if isinstance(outcome, MediaError):
            skipped.append(outcome)
        else:
            with atomic_write(cache_files[outcome.path]) as temporary, temporary.open("wb") as file:
                np.save(file, outcome.features)
        listener.advance()
    listener.finish()
    readable = [row for row in rows if cache_files[row.path].is_file()]
    features = [np.load(cache_files[row.path], allow_pickle=False) for row in readable]
    return CachedFeatures(readable, features, sorted(skipped, key=lambda error: error.path))


def cache_key(path: Path) -> str:
    """Return the cache key of a file: a digest of its path, size and modification time."""
    try:
        status = path.stat()
        stamp = f"{status.st_size}\n{status.st_mtime_ns}"
    except OSError:
        stamp = "missing"  # reading the file reports the error
    return hashlib.sha256(f"{path}\n{stamp}".encode(errors="surrogateescape")).hexdigest()[:32]
