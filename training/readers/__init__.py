"""Labelled media as people have them: a manifest, or the folder of a known data set, become the same rows."""

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
    """Read labelled files of one modality; whether the media can be decoded is not looked at.

    Args:
        source: A manifest, or a folder that is laid out as EmoSet, EMID, IMAC's lists, or one folder a class.
        kind: The modality.
        split: The split to keep; None keeps all.
        sets: The sets to keep; None or none given keeps all.

    Returns:
        At least one row.

    Raises:
        UsageError: The source is of no known layout, holds a label that is not known, or nothing is left.
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
        f"{escape_path(folder)}: no known layout; a manifest (CSV), EmoSet, EMID, positive.txt, neutral.txt "
        "and negative.txt, or one folder a class (positive, negative, Q1, sadness …) was expected"
    )
