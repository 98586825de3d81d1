"""Reader of IMAC's lists: `positive.txt`, `neutral.txt` and `negative.txt` with one path per line.

Verma, Dhekane, Guha, ICASSP 2019. IMAC is published as lists of web addresses; the readers expect the lists
of the downloaded files.
"""

from __future__ import annotations

from pathlib import Path

from attune.core.errors import UsageError, escape_path
from attune.embedding.affect import POLARITIES
from attune.training.manifest import LabelledRow
from attune.training.readers.emotion_words import create_row


def has_lists(folder: Path) -> bool:
    """Return whether a folder holds the list of any class."""
    return any((folder / f"{polarity}.txt").is_file() for polarity in POLARITIES)


def read_lists(folder: Path) -> list[LabelledRow]:
    """Read the lists; paths are relative to the folder, and each file is a group of its own.

    Raises:
        UsageError: A list is not UTF-8, or a file is in two of them.
    """
    rows: dict[Path, LabelledRow] = {}
    for polarity in POLARITIES:
        file = folder / f"{polarity}.txt"
        if not file.is_file():
            continue
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except UnicodeDecodeError as error:
            raise UsageError(f"{escape_path(file)}: not UTF-8 text ({error})") from None
        for line in filter(None, map(str.strip, lines)):
            path = folder / line
            if path in rows and rows[path].polarity != polarity:
                raise UsageError(f"{escape_path(file)}: {line} is in two classes")
            rows[path] = create_row(polarity, path, source=file, split="", set_name=folder.name, group="")
    return list(rows.values())
