"""Readers of labelled media: a manifest, or a folder in the layout of a known data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attune.core.errors import UsageError, escape_path
from attune.embedding.media_files import Kind
from attune.training.manifest import LabelledRow, read_manifest, select
from attune.training.readers.class_folders import has_class_folders, read_class_folders
from attune.training.readers.emid import find_emid_table, read_emid
from attune.training.readers.emoset import is_emoset, read_emoset
from attune.training.readers.imac_lists import has_lists, read_lists


def read_labelled(
    source: Path, kind: Kind, split: str | None = None, sets: Sequence[str] | None = None
) -> list[LabelledRow]:
    """Read labelled files of one modality; does not check that the media can be decoded.

    Args:
        source: A manifest, or a folder with the layout of EmoSet, EMID, IMAC's lists, or one folder per
            class.
        kind: The modality.
        split: The split to keep; None keeps all.
        sets: The sets to keep; None or an empty sequence keeps all.

    Returns:
        At least one row.

    Raises:
        UsageError: The layout of the source or one of its labels is not known, or no row is left.
    """
    if not source.is_dir():
        return read_manifest(source, split, sets)
    return select(source, _read_folder(source, kind), split, sets)


def _read_folder(folder: Path, kind: Kind) -> list[LabelledRow]:
    if is_emoset(folder):
        return read_emoset(folder, kind)
    if (table := find_emid_table(folder)) is not None:
        return read_emid(table, kind)
    if has_lists(folder):
        return read_lists(folder)
    if has_class_folders(folder):
        return read_class_folders(folder, kind)
    raise UsageError(
        f"{escape_path(folder)}: no known layout; give a manifest (CSV), EmoSet, EMID, positive.txt, "
        "neutral.txt and negative.txt, or one folder per class (positive, negative, Q1, sadness …)"
    )
