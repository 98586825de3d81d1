"""Reader of one folder per class: `positive/`, `neutral/` and so on, as in IMAC.

The classes may lie inside folders of splits: `train/positive/`. A folder inside a class is a group, such as a
theme or an artist; songs outside such folders are grouped by the artist in their tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from attune.embedding.media_files import Kind, kind_of
from attune.embedding.media_tags import read_tags
from attune.training.manifest import LabelledRow
from attune.training.readers.emotion_words import EMOTION_WORDS, create_row

_SPLITS = ("train", "val", "test")


def has_class_folders(folder: Path) -> bool:
    """Return whether a folder, or one of its split folders, holds folders of classes."""
    return any(
        _is_class(path) for _, split_folder in _iter_split_folders(folder) for path in split_folder.iterdir()
    )


def read_class_folders(folder: Path, kind: Kind) -> list[LabelledRow]:
    """Read the files of one modality; files outside the folders of classes are ignored.

    Raises:
        UsageError: A folder beside the classes holds files of the modality, but its name is no known label.
    """
    rows = []
    for split, split_folder in _iter_split_folders(folder):
        for class_folder in sorted(
            path for path in split_folder.iterdir() if path.is_dir() and path.name not in _SPLITS
        ):
            rows += [
                create_row(
                    class_folder.name,
                    path,
                    source=folder,
                    split=split,
                    set_name=folder.name,
                    group=_group_name(path, class_folder, kind),
                )
                for path in sorted(class_folder.rglob("*"))
                if kind_of(path) == kind and path.is_file()
            ]
    return rows


def _iter_split_folders(folder: Path) -> Iterator[tuple[str, Path]]:
    yield "", folder
    yield from ((split, folder / split) for split in _SPLITS if (folder / split).is_dir())


def _is_class(path: Path) -> bool:
    return path.is_dir() and path.name.lower() in EMOTION_WORDS


def _group_name(path: Path, class_folder: Path, kind: Kind) -> str:
    theme = path.parent.relative_to(class_folder)
    if theme.parts:
        return theme.parts[0]
    return (read_tags(path).artist or "") if kind == "music" else ""
