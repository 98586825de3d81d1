"""Manifest of labelled media: a CSV file read into rows, and arrays of the rows' labels."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.embedding.affect import POLARITIES

QUADRANT_POLARITY = {"Q1": "positive", "Q2": "negative", "Q3": "negative", "Q4": "neutral"}
"""Polarity of each quadrant of Russell's plane, following IMAC's tags (arXiv 1904.00150)."""

QUADRANT_CORNER = {"Q1": (0.5, 0.5), "Q2": (-0.5, 0.5), "Q3": (-0.5, -0.5), "Q4": (0.5, -0.5)}
"""Valence and arousal assumed for each quadrant where no rating is known."""


TRAINING_SPLITS = ("train", "val")
"""Splits that a network is trained on; the others are for evaluation."""


@dataclass(frozen=True, slots=True)
class LabelledRow:
    """One labelled file.

    Attributes:
        path: Path of the file: absolute if a manifest names it, else below the folder that was given.
        split: train, val, test or any name; empty if not given.
        set: Data set that the row comes from; empty if not given.
        group: Artist, theme or song; the path if not given.
        polarity: positive, neutral, negative or None; derived from the quadrant if only that is given.
        quadrant: Q1 to Q4 or None.
        valence: In [-1, 1] or None.
        arousal: In [-1, 1] or None.
        label: The data set's own label.
    """

    path: Path
    split: str
    set: str
    group: str
    polarity: str | None
    quadrant: str | None
    valence: float | None
    arousal: float | None
    label: str


def read_manifest(
    csv_path: Path, split: str | None = None, sets: Sequence[str] | None = None
) -> list[LabelledRow]:
    """Read a manifest, or one split and some sets of it; does not check that the media exist.

    Args:
        csv_path: The CSV, UTF-8 with a header; only its column `path` is required.
        split: The split to keep; None keeps all.
        sets: The sets to keep; None or an empty sequence keeps all.

    Returns:
        At least one row, in file order.

    Raises:
        UsageError: The file is missing, is no such CSV or holds a value that is out of range; a group is in
            two splits (of the whole file, kept or not); or no row is left.
    """
    return select(csv_path, list(_iter_rows(csv_path)), split, sets)


def select(
    source: Path, rows: list[LabelledRow], split: str | None = None, sets: Sequence[str] | None = None
) -> list[LabelledRow]:
    """Select the rows of one split and some sets.

    Args:
        source: File or folder that the rows come from, for error messages.
        rows: The rows.
        split: The split to keep; None keeps all.
        sets: The sets to keep; None or an empty sequence keeps all.

    Raises:
        UsageError: A group is in two splits (of all rows, kept or not), or no row is left.
    """
    if not rows:
        raise UsageError(f"{escape_path(source)}: no rows")
    _refuse_leaks(source, rows)
    if split is not None:
        rows = _filter_rows(source, "split", rows, {row.split for row in rows}, [split])
    if sets:
        rows = _filter_rows(source, "set", rows, {row.set for row in rows}, sets)
    return rows


def polarity_codes(rows: Sequence[LabelledRow]) -> NDArray[np.int8]:
    """Return the polarity of each row as int8 (N,): its index in POLARITIES, or -1 if unknown."""
    return np.array([-1 if row.polarity is None else POLARITIES.index(row.polarity) for row in rows], np.int8)


def ratings(rows: Sequence[LabelledRow]) -> NDArray[np.float64]:
    """Return the ratings of valence and arousal, float64 (N, 2), NaN where there is no rating."""
    values = [[np.nan if v is None else v for v in (row.valence, row.arousal)] for row in rows]
    return np.array(values, np.float64).reshape(-1, 2)


def reference_points(rows: Sequence[LabelledRow]) -> NDArray[np.float64]:
    """Return valence and arousal of each row, float64 (N, 2): the rating, else the quadrant's corner.

    The corners are (±0.5, ±0.5), since a quadrant gives the signs only. Without rating and quadrant, values
    are NaN.
    """
    rated = ratings(rows)
    unknown = (np.nan, np.nan)
    corners = [QUADRANT_CORNER[row.quadrant] if row.quadrant else unknown for row in rows]
    return np.where(np.isnan(rated), np.array(corners, np.float64).reshape(-1, 2), rated)


def group_names(rows: Sequence[LabelledRow]) -> list[str]:
    """Return the name `set/group` of each row's group, for folds, probes and the bootstrap.

    Each data set names its groups independently, so a name is unique within its set only.
    """
    return [f"{row.set}/{row.group}" for row in rows]


def _iter_rows(csv_path: Path) -> Iterator[LabelledRow]:
    """Yield the rows of a manifest, checking each."""
    folder = csv_path.parent.resolve()
    try:
        with csv_path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if "path" not in (reader.fieldnames or ()):
                raise UsageError(f"{escape_path(csv_path)}: no column 'path' in the header")
            for cells in reader:
                if None in cells:
                    _refuse(csv_path, reader.line_num, "more cells than the header has columns")
                known = {column: (text or "").strip() for column, text in cells.items()}
                yield _parse_row(csv_path, reader.line_num, folder, known)
    except FileNotFoundError:
        raise UsageError(f"{escape_path(csv_path)}: no such manifest") from None
    except OSError as error:
        raise UsageError(f"{escape_path(csv_path)}: cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{escape_path(csv_path)}: not a UTF-8 CSV file ({error})") from None


def _parse_row(csv_path: Path, line: int, folder: Path, cells: dict[str, str]) -> LabelledRow:
    if not cells["path"]:
        _refuse(csv_path, line, "the path is empty")
    quadrant = _parse_choice(csv_path, line, cells, "quadrant", QUADRANT_POLARITY)
    polarity = _parse_choice(csv_path, line, cells, "polarity", POLARITIES)
    path = folder / cells["path"]
    return LabelledRow(
        path=path,
        split=cells.get("split", ""),
        set=cells.get("set", ""),
        group=cells.get("group", "") or str(path),
        polarity=polarity or (QUADRANT_POLARITY[quadrant] if quadrant else None),
        quadrant=quadrant,
        valence=_parse_number(csv_path, line, cells, "valence"),
        arousal=_parse_number(csv_path, line, cells, "arousal"),
        label=cells.get("label", ""),
    )


def _parse_choice(
    csv_path: Path, line: int, cells: dict[str, str], column: str, known: Iterable[str]
) -> str | None:
    text = cells.get(column, "")
    if not text:
        return None
    if text not in known:
        _refuse(csv_path, line, f"{column} {text!r} is none of {', '.join(known)}")
    return text


def _parse_number(csv_path: Path, line: int, cells: dict[str, str], column: str) -> float | None:
    text = cells.get(column, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        _refuse(csv_path, line, f"{column} {text!r} is not a number")
    # The comparison is written so that NaN is refused, too.
    if not -1.0 <= value <= 1.0:
        _refuse(csv_path, line, f"{column} {text} is outside [-1, 1]")
    return value


def _refuse(csv_path: Path, line: int, reason: str) -> NoReturn:
    raise UsageError(f"{escape_path(csv_path)}, line {line}: {reason}")


def _refuse_leaks(source: Path, rows: Sequence[LabelledRow]) -> None:
    """Refuse a group that is in two splits: the network would be tested on material it was trained on."""
    split_of: dict[str, str] = {}
    for row in rows:
        if row.split and split_of.setdefault(row.group, row.split) != row.split:
            splits = f"{split_of[row.group]} and {row.split}"
            raise UsageError(
                f"{escape_path(source)}: group {row.group!r} is in two splits ({splits}), keep it in one"
            )


def _filter_rows(
    source: Path, column: str, rows: list[LabelledRow], present: set[str], wanted: Sequence[str]
) -> list[LabelledRow]:
    """Return the rows whose split or set is among the wanted names; each of these must occur."""
    names = ", ".join(sorted(present - {""}))
    for name in wanted:
        if name not in present:
            has = f"there is {names}" if names else f"the column '{column}' is missing or empty"
            raise UsageError(f"{escape_path(source)}: no rows with {column} {name!r} ({has})")
    return [row for row in rows if getattr(row, column) in wanted]
