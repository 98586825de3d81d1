"""Reader of EMID: Zou et al., EMID: An Emotional Aligned Dataset in Audio-Visual Modality, 2023.

arXiv 2308.07622. A CSV names each clip (`Audio_Filename`), its feeling (`genre`, A to M, the thirteen
feelings of Cowen et al., PNAS 2020) and three pictures, each with one of Mikels' emotions. Clips and pictures
may lie anywhere below the CSV's folder.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from attune.core.errors import UsageError, escape_path
from attune.embedding.media_files import Kind, kind_of
from attune.training.manifest import LabelledRow
from attune.training.readers.emotion_words import create_row

_QUADRANT = {
    "A": "Q1",  # amusing
    "B": "Q2",  # annoying
    "C": "Q2",  # anxious, tense
    "D": "Q4",  # beautiful
    "E": "Q4",  # calm, relaxing, serene
    "F": "Q4",  # dreamy
    "G": "Q1",  # energizing, pump-up
    "H": "Q1",  # erotic, desirous
    "I": "Q2",  # indignant, defiant
    "J": "Q1",  # joyful, cheerful
    "K": "Q3",  # sad, depressing
    "L": "Q2",  # scary, fearful
    "M": "Q1",  # triumphant, heroic
}
"""Quadrant of Russell's plane for each feeling, assigned by us."""

_PICTURES = (1, 2, 3)


def find_emid_table(folder: Path) -> Path | None:
    """Return the path of EMID's CSV in a folder; None if there is none."""
    for file in sorted(folder.glob("*.csv")):
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                header = next(csv.reader(stream), [])
        except (OSError, UnicodeDecodeError, csv.Error):
            continue
        if {"Audio_Filename", "genre", "Image1_filename"} <= set(header):
            return file
    return None


def read_emid(table: Path, kind: Kind) -> list[LabelledRow]:
    """Read EMID's clips or its pictures.

    Only original clips are read. The others are cut from the same tracks, but the table does not say from
    which, so that parts of one track could be in training and test data.

    Raises:
        UsageError: A label is not known, or the table is damaged.
    """
    path_by_name = _index_files(table.parent, kind)
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{escape_path(table)}: not a UTF-8 CSV file ({error})") from None
    entries = _iter_clips(table, lines) if kind == "music" else _iter_pictures(lines)
    named = {name: word for name, word in entries if name}
    return [
        create_row(
            word,
            path_by_name.get(name, table.parent / name),
            source=table,
            split="",
            set_name="EMID",
            group="",
        )
        for name, word in named.items()
    ]


def _iter_clips(table: Path, lines: Iterable[dict[str, str]]) -> Iterable[tuple[str, str]]:
    for cells in lines:
        if (cells.get("is_original_clip") or "true").strip().lower() not in ("true", "1", "1.0"):
            continue
        genre = (cells["genre"] or "").strip().upper()
        if genre not in _QUADRANT:
            raise UsageError(f"{escape_path(table)}: genre {cells['genre']!r} is not one of A to M")
        yield Path(cells["Audio_Filename"] or "").name, _QUADRANT[genre]


def _iter_pictures(lines: Iterable[dict[str, str]]) -> Iterable[tuple[str, str]]:
    for cells in lines:
        for place in _PICTURES:
            tag = cells.get(f"Image{place}_tag")
            if tag:
                yield Path(cells[f"Image{place}_filename"] or "").name, tag


def _index_files(folder: Path, kind: Kind) -> dict[str, Path]:
    """Return the path of each file of a modality, by its name."""
    return {path.name: path for path in sorted(folder.rglob("*")) if kind_of(path) == kind}
