"""Moods of files as rows of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from attune.core.errors import escape_path
from attune.core.table_files import TableColumn, write_csv_file
from attune.embedding.affect import AFFECT_COLUMNS, Affect
from attune.embedding.media_files import Kind
from attune.retrieval.mood_words import mood_word

MOOD_COLUMNS: Final = (
    TableColumn("path"),
    TableColumn("kind"),
    TableColumn("mood"),
    *(TableColumn(name, "number") for name in AFFECT_COLUMNS),
)
"""Columns of a table of moods: the fields of `FileMood`, in order."""

_list_numbers = attrgetter(*AFFECT_COLUMNS)  # `asdict` takes a third of an export's time


@dataclass(frozen=True, slots=True)
class FileMood:
    """The mood of one file.

    Attributes:
        path: Absolute path.
        kind: image or music.
        mood: The named mood that is nearest to its place, such as `calm`.
        valence: From unpleasant to pleasant, in [-1, 1], as people feel on average.
        arousal: From quiet to lively, in [-1, 1], as people feel on average.
        positive: Probability of positive polarity.
        neutral: Probability of neutral polarity.
        negative: Probability of negative polarity.
        q1: Probability of a pleasant, lively mood.
        q2: Probability of an unpleasant, lively mood.
        q3: Probability of an unpleasant, quiet mood.
        q4: Probability of a pleasant, quiet mood.
        place_valence: Where its valence stands among all pictures, or songs, from -1 to 1.
        place_arousal: Where its arousal stands among all pictures, or songs, from -1 to 1.
    """

    path: str
    kind: Kind
    mood: str
    valence: float
    arousal: float
    positive: float
    neutral: float
    negative: float
    q1: float
    q2: float
    q3: float
    q4: float
    place_valence: float
    place_arousal: float

    @classmethod
    def from_affect(cls, path: str, kind: Kind, affect: Affect) -> FileMood:
        """Make it from the affect of a file."""
        return cls(path, kind, mood_word(affect.place), *_list_numbers(affect))

    @property
    def place(self) -> tuple[float, float]:
        """Its place on the plane, the last two attributes."""
        return self.place_valence, self.place_arousal

    def _repr_html_(self) -> str:
        from attune.retrieval.notebook import render_file

        return render_file(self.path, self.kind, self.mood, self.valence, self.arousal)


class MoodTable(list[FileMood]):
    """Moods of files, one row per file."""

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table as CSV in UTF-8, with a header; `Library.export` writes more columns, and Parquet.

        Args:
            path: The file to write. An existing file is replaced once the new one is complete.

        Raises:
            AttuneError: The file cannot be written.
        """
        write_csv_file(Path(path), MOOD_COLUMNS, [tabulate_moods(self)])

    def _repr_html_(self) -> str:
        from attune.retrieval.notebook import render_table

        return render_table([one.name for one in MOOD_COLUMNS], [astuple(row) for row in self])


def tabulate_moods(moods: Sequence[FileMood]) -> dict[str, list[Any]]:
    """Return moods by column of `MOOD_COLUMNS`.

    Paths are escaped as for people: bytes that are not UTF-8, and control characters.
    """
    table: dict[str, list[Any]] = {
        one.name: [getattr(mood, one.name) for mood in moods] for one in MOOD_COLUMNS
    }
    return table | {"path": [escape_path(path) for path in table["path"]]}
