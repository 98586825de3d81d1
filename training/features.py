"""The features of labelled media, computed once and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.artefacts import written_aside
from core.errors import AttuneError, MediaError, UsageError, printable
from core.progress import Progress, SilentProgress
from core.settings import Settings
from embedding.backbones import BACKBONES
from embedding.media import Kind
from embedding.workers import Job, extract_all
from training.manifest import Row


def features_of(
    rows: Sequence[Row], kind: Kind, cache: Path, workers: int, progress: Progress | None = None
) -> list[NDArray[np.float16]]:
    """Return the backbone features of each row's file, from the cache where they are there.

    A file's features are kept as soon as they are known, so an interrupted run goes on where it stopped.
    The key is backbone, path, size and time of change: new weights or a changed file are computed anew.

    Args:
        rows: The labelled files, all of one kind.
        kind: That kind.
        cache: Folder of the cache, made if missing.
        workers: Processes that decode and run the backbone.
        progress: Told how far it is; nobody by default.

    Returns:
        For each row, float16 of shape (moments, width of the backbone); one moment for a picture.

    Raises:
        UsageError: A file is missing.
        AttuneError: A file cannot be read.
    """
    listener = progress or SilentProgress()
    folder = cache / BACKBONES[kind].id
    folder.mkdir(parents=True, exist_ok=True)
    kept = {row.path: folder / f"{_key(row.path)}.npy" for row in rows}
    missing = [path for path, file in kept.items() if not file.is_file()]
    listener.start(f"features: {kind}", len(missing))
    refused: list[MediaError] = []
    for outcome in extract_all((Job(path, kind) for path in missing), Settings(workers=workers)):
        if isinstance(outcome, MediaError):
            refused.append(outcome)
        else:
            with written_aside(kept[outcome.path]) as aside, aside.open("wb") as file:
                np.save(file, outcome.features)
        listener.advance()
    listener.finish()
    if refused:
        raise AttuneError(
            f"{len(refused)} of {len(rows)} labelled files cannot be read, the first: {refused[0]}"
        )
    return [np.load(kept[row.path]) for row in rows]


def _key(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise UsageError(f"{printable(path)}: named in the manifest, but {error.strerror}") from error
    return hashlib.sha256(f"{path}\n{status.st_size}\n{status.st_mtime_ns}".encode()).hexdigest()[:32]
