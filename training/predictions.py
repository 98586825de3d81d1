"""Files of predictions: a system's score of each picture with each piece of music, as CSV or Parquet.

Anybody's scores can be judged by the protocol of `attune evaluate` in this form, whatever computed them.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError, escape_path
from attune.core.table_files import PARQUET_SUFFIX, TableBatch, TableColumn, write_table
from attune.training.manifest import LabelledRow
from attune.training.pair_scores import PairScores

_REQUIRED: Final = ("image", "music", "score")
_CHANCE: Final = "correspondence"
_COLUMNS: Final = (
    TableColumn("image"),
    TableColumn("music"),
    TableColumn("score", "number"),
    TableColumn(_CHANCE, "number"),
)


@dataclass(frozen=True, slots=True)
class LabelledSide:
    """The labelled files of one modality that are judged.

    Attributes:
        source: The manifest, or the data set's folder, that they come from.
        rows: Its rows that are judged.
    """

    source: Path
    rows: Sequence[LabelledRow]


class _Prediction(NamedTuple):
    """One row of a file of predictions, by its line or row; values are text, or of any type of Parquet."""

    number: int
    image: str
    music: str
    score: Any
    chance: Any


class _FileTable:
    """The distinct files of one modality, found by what a file of predictions calls them.

    Attributes:
        names: Their names, relative to the manifest's folder where they are below it.
        rows: int (N,), the number of each row's file.
    """

    def __init__(self, side: LabelledSide) -> None:
        folder = side.source if side.source.is_dir() else side.source.parent
        self._given, self._folder = os.path.abspath(folder), str(folder.resolve())  # noqa: PTH100
        self._known: dict[str, int] = {}
        paths = [self._locate(os.fspath(row.path.absolute())) for row in side.rows]
        numbers: dict[str, int] = {}
        self.rows = np.array([numbers.setdefault(path, len(numbers)) for path in paths], np.int64)
        self._numbers = numbers
        self.names = [path.removeprefix(self._folder + os.sep) for path in numbers]

    def find(self, name: str) -> int | None:
        """Return the number of the file of this name; None if it is not among those that are judged."""
        number = self._known.get(name)
        if number is None and (number := self._numbers.get(self._locate(name))) is not None:
            self._known[name] = number
        return number

    def _locate(self, name: str) -> str:
        """Return the absolute path of a file, with the manifest's folder spelled in one way."""
        path = os.path.normpath(os.path.join(self._folder, name))  # noqa: PTH118
        if path.startswith(self._given + os.sep):
            return self._folder + path[len(self._given) :]
        return path


def read_predictions(path: Path, images: LabelledSide, music: LabelledSide) -> PairScores:
    """Read the scores of all pairs of labelled files; no media file is opened.

    The columns are `image` and `music` (paths as in the manifests, or absolute), `score` (the larger, the
    more alike) and, if the system tells one, `correspondence` (chance of equal polarity). Each pair is there
    once, in any order. Where every score lies in [0, 1], the scores are taken for chances of a shared mood,
    and, without a column `correspondence`, for chances of equal polarity, too.

    Args:
        path: The file, CSV in UTF-8 with a header, or .parquet.
        images: The N pictures that are judged.
        music: The M pieces of music that are judged.

    Raises:
        UsageError: The file cannot be read, or a row has a value that makes no sense, names another file or
            comes twice, or pairs are missing.
        AttuneError: It is Parquet, and pyarrow is not installed.
    """
    tables = _FileTable(images), _FileTable(music)
    shape = len(tables[0].names), len(tables[1].names)
    scores, chances = np.full(shape, np.nan), np.full(shape, np.nan)
    seen = np.zeros(shape, np.int64)
    has_chance = False
    for one in _iter_predictions(path):
        pair = (
            _find_file(path, one, "image", one.image, tables[0], images.source),
            _find_file(path, one, "music", one.music, tables[1], music.source),
        )
        if first := seen[pair]:
            _refuse(path, one, f"{one.image!r} and {one.music!r} are a pair of {_unit(path)} {first}, too")
        seen[pair] = one.number
        scores[pair] = _read_number(path, one, "score", one.score)
        if one.chance is not None:
            has_chance = True
            chances[pair] = _read_chance(path, one)
    _require_all(path, scores, tables)
    return _make_scores(tables, scores, chances if has_chance else None)


def write_predictions(path: Path, images: LabelledSide, music: LabelledSide, scores: PairScores) -> None:
    """Write the scores of all pairs in the form that `read_predictions` reads.

    Args:
        path: The file, .csv or .parquet.
        images: The N pictures.
        music: The M pieces of music.
        scores: The scores of all pairs, with both chances. `score` is the chance of a shared mood, which has
            the order of answers.

    Raises:
        AttuneError: The file cannot be written, or is Parquet, and pyarrow is not installed.
    """
    tables = _FileTable(images), _FileTable(music)
    write_table(path, _COLUMNS, _tabulate(tables, scores), {})


def _tabulate(tables: tuple[_FileTable, _FileTable], scores: PairScores) -> Iterator[TableBatch]:
    """Yield the pairs of one picture after another; of a file that has two rows, those of the first."""
    assert scores.mood is not None and scores.correspondence is not None
    image_rows, music_rows = (np.unique(table.rows, return_index=True)[1] for table in tables)
    songs = tables[1].names
    for name, row in zip(tables[0].names, image_rows.tolist(), strict=True):
        yield {
            "image": [name] * len(songs),
            "music": songs,
            "score": scores.mood[row, music_rows].tolist(),
            _CHANCE: scores.correspondence[row, music_rows].tolist(),
        }


def _make_scores(
    tables: tuple[_FileTable, _FileTable], scores: NDArray[np.float64], chances: NDArray[np.float64] | None
) -> PairScores:
    pairs = np.ix_(tables[0].rows, tables[1].rows)
    order = scores[pairs]
    are_chances = bool(((scores >= 0) & (scores <= 1)).all())
    mood = order if are_chances else None
    return PairScores(order, mood, mood if chances is None else chances[pairs])


def _iter_predictions(path: Path) -> Iterator[_Prediction]:
    try:
        yield from _iter_parquet(path) if path.suffix.lower() == PARQUET_SUFFIX else _iter_csv(path)
    except FileNotFoundError:
        raise UsageError(f"{escape_path(path)}: no such file") from None
    except OSError as error:
        raise UsageError(f"{escape_path(path)}: cannot be read ({error.strerror or error})") from None


def _iter_csv(path: Path) -> Iterator[_Prediction]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            columns = _find_columns(path, header)
            chance = columns.get(_CHANCE)
            image, music, score = (columns[name] for name in _REQUIRED)
            for cells in filter(None, reader):
                if len(cells) != len(header):
                    reason = f"{len(cells)} cells, where the header has {len(header)} columns"
                    raise UsageError(f"{escape_path(path)}, line {reader.line_num}: {reason}")
                yield _Prediction(
                    reader.line_num,
                    cells[image],
                    cells[music],
                    cells[score],
                    None if chance is None else cells[chance],
                )
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{escape_path(path)}: not a UTF-8 CSV file ({error})") from None


def _iter_parquet(path: Path) -> Iterator[_Prediction]:
    from attune.core.parquet import open_parquet_library

    arrow, parquet = open_parquet_library()
    try:
        with path.open("rb") as stream:
            file = parquet.ParquetFile(stream)
            columns = _find_columns(path, file.schema_arrow.names)
            names = [name for name in (*_REQUIRED, _CHANCE) if name in columns]
            batches = (batch.to_pylist() for batch in file.iter_batches(columns=names))
            for number, cells in enumerate(chain.from_iterable(batches), start=1):
                image, music, score, *chance = ("" if cells[name] is None else cells[name] for name in names)
                yield _Prediction(number, str(image), str(music), score, *(chance or [None]))
    except arrow.ArrowException as error:
        raise UsageError(f"{escape_path(path)}: not a Parquet file ({error})") from None


def _find_columns(path: Path, header: Sequence[str]) -> Mapping[str, int]:
    columns = {name.strip(): index for index, name in enumerate(header)}
    for name in _REQUIRED:
        if name not in columns:
            raise UsageError(
                f"{escape_path(path)}: no column {name!r}; it has {', '.join(columns) or 'none'}"
            )
    return columns


def _find_file(path: Path, one: _Prediction, column: str, name: str, table: _FileTable, source: Path) -> int:
    number = table.find(name)
    if number is None:
        known = f"{len(table.names)} files of {escape_path(source)} that are judged"
        _refuse(path, one, f"{column} {name!r} is none of the {known}")
    return number


def _read_number(path: Path, one: _Prediction, column: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        _refuse(path, one, f"{column} {str(value)!r} is not a finite number")
    return number


def _read_chance(path: Path, one: _Prediction) -> float:
    chance = _read_number(path, one, _CHANCE, one.chance)
    if not 0 <= chance <= 1:
        _refuse(path, one, f"{_CHANCE} {one.chance} is outside [0, 1]")
    return chance


def _require_all(path: Path, scores: NDArray[np.float64], tables: tuple[_FileTable, _FileTable]) -> None:
    missing = np.argwhere(np.isnan(scores))
    if len(missing):
        image, song = missing[0]
        raise UsageError(
            f"{escape_path(path)}: {len(missing)} of {scores.size} pairs are missing, the first of "
            f"{tables[0].names[image]!r} and {tables[1].names[song]!r}; score each picture with each song"
        )


def _refuse(path: Path, one: _Prediction, reason: str) -> NoReturn:
    raise UsageError(f"{escape_path(path)}, {_unit(path)} {one.number}: {reason}")


def _unit(path: Path) -> str:
    return "row" if path.suffix.lower() == PARQUET_SUFFIX else "line"
