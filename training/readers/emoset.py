"""Reader of EmoSet.

Yang et al., EmoSet: A Large-scale Visual Emotion Dataset with Rich Attributes, ICCV 2023.
`train.json`, `val.json` and `test.json` hold entries [emotion, image, annotation], with paths relative to the
folder. EmoSet-118K and the larger EmoSet have the same layout.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attune.core.errors import UsageError, escape_path
from attune.embedding.media_files import Kind
from attune.training.manifest import LabelledRow
from attune.training.readers.emotion_words import create_row

_SPLITS = ("train", "val", "test")


def is_emoset(folder: Path) -> bool:
    """Return whether a folder has the layout of EmoSet."""
    return (folder / "image").is_dir() and any(_find_lists(folder))


def read_emoset(folder: Path, kind: Kind) -> list[LabelledRow]:
    """Read EmoSet's pictures, with EmoSet's splits.

    Raises:
        UsageError: `kind` is music, or a list does not have EmoSet's format.
    """
    if kind != "image":
        raise UsageError(f"{escape_path(folder)}: EmoSet holds pictures, no music")
    rows = []
    for file in _find_lists(folder):
        for emotion, image in _read_entries(file):
            rows.append(
                create_row(
                    emotion, folder / image, source=file, split=file.stem, set_name=folder.name, group=""
                )
            )
    return rows


def _find_lists(folder: Path) -> list[Path]:
    return [file for split in _SPLITS if (file := folder / f"{split}.json").is_file()]


def _read_entries(file: Path) -> list[tuple[str, str]]:
    try:
        entries: Any = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{escape_path(file)}: not JSON ({error})") from None
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise UsageError(f"{escape_path(file)}: not a list of [emotion, image, annotation]")
    return [(entry[0], entry[1]) for entry in entries]


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, list) and len(entry) >= 2 and all(isinstance(text, str) for text in entry[:2])
