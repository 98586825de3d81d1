"""Size of a library on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attune.indexer import feature_store, generations, locks
from attune.indexer.catalogue import DAMAGED_FOLDER, FILE

_CATALOGUE_FILES = [FILE + suffix for suffix in ("", "-wal", "-shm", "-journal")]


def measure_size(library: Path) -> int:
    """Return the total size of a library's files, in bytes.

    Only the files that Attune writes are looked up. So the cost depends neither on the number of items nor on
    other files below the library's folder.
    """
    size = 0
    for path in _iter_files(library):
        try:
            size += path.stat().st_size
        except OSError:  # it does not exist, or a build has just replaced it
            continue
    return size


def _iter_files(library: Path) -> Iterator[Path]:
    """Yield the paths of a library's files; some of them may not exist."""
    for folder in (library, *library.glob(f"{DAMAGED_FOLDER}-*")):
        yield from (folder / name for name in _CATALOGUE_FILES)
    yield library / locks.LOCK
    yield from (library / feature_store.FOLDER).glob("*.f16")
    for folder in (library / generations.FOLDER).glob("[0-9]*"):
        yield from (folder / name for name in (*generations.INDEX_FILES.values(), generations.MANIFEST))
