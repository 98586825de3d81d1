"""One folder a class, as image classifiers are fed and as IMAC is built: `positive/`, `neutral/` and so on.

The classes may lie inside the splits: `train/positive/`. A folder inside a class is a theme or an artist, and
stays in one fold; a song without one belongs to the artist that its tags name.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attune.embedding.media import Kind, kind_of
from attune.embedding.tags import read_tags
from attune.training.manifest import Row
from attune.training.readers.feelings import KNOWN, labelled

_SPLITS = ("train", "val", "test")


def has_class_folders(folder: Path) -> bool:
    """Say whether a folder, or the split folders in it, hold folders of classes."""
    return any(_is_class(one) for _, inside in _parts(folder) for one in inside.iterdir())


def read_class_folders(folder: Path, kind: Kind) -> list[Row]:
    """Read the files of one modality; files that lie in no class are passed over.

    Raises:
        UsageError: A folder beside the classes holds files of the modality, and its name is no known label.
    """
    rows = []
    for split, inside in _parts(folder):
        for one in sorted(path for path in inside.iterdir() if path.is_dir() and path.name not in _SPLITS):
            rows += [
                labelled(
                    one.name,
                    path,
                    source=folder,
                    split=split,
                    set_name=folder.name,
                    group=_group(path, one, kind),
                )
                for path in sorted(one.rglob("*"))
                if kind_of(path) == kind and path.is_file()
            ]
    return rows


def _parts(folder: Path) -> Iterator[tuple[str, Path]]:
    yield "", folder
    yield from ((split, folder / split) for split in _SPLITS if (folder / split).is_dir())


def _is_class(path: Path) -> bool:
    return path.is_dir() and path.name.lower() in KNOWN


def _group(path: Path, of_class: Path, kind: Kind) -> str:
    theme = path.parent.relative_to(of_class)
    if theme.parts:
        return theme.parts[0]
    return (read_tags(path).artist or "") if kind == "music" else ""
