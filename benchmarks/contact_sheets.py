"""Contact sheets: what is shown for each song and for each mood of pictures, to be looked at by people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from attune.benchmarks.sample_answers import Question
from attune.core.errors import escape_path

if TYPE_CHECKING:
    from PIL import Image

_THUMBNAIL: Final = 240
_LINE: Final = 18
_GAP: Final = 10
_COLUMNS: Final = 5
_QUALITY: Final = 85
_SONGS: Final = 3

_Cell = tuple[str, tuple[str, ...]]
"""Path of a picture, and the lines below it."""


def write_sheets(folder: Path, pictures: Sequence[Question], songs: Sequence[Question]) -> list[Path]:
    """Write a JPEG of each song with its pictures, and of the pictures of each mood with their songs.

    Args:
        folder: Folder of the sheets, made if missing.
        pictures: Every picture with the songs that are found for it.
        songs: Every song with the pictures that are found for it.

    Returns:
        The files that were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _write_sheet(folder / f"{name}.jpg", title, cells)
        for name, title, cells in (*_iter_song_sheets(songs), *_iter_mood_sheets(pictures))
    ]


def _iter_song_sheets(songs: Sequence[Question]) -> Iterator[tuple[str, str, list[_Cell]]]:
    for number, song in enumerate(songs, start=1):
        name = _name(song.entry.path)
        cells: list[_Cell] = [
            (answer.path, (f"{answer.rank}. {_name(answer.path)}", f"{answer.mood} {answer.worth:.0%}"))
            for answer in song.answers
        ]
        yield f"song-{number:02}", f"{name}, {song.entry.mood}", cells


def _iter_mood_sheets(pictures: Sequence[Question]) -> Iterator[tuple[str, str, list[_Cell]]]:
    for word in dict.fromkeys(picture.entry.mood for picture in pictures):
        own = [picture for picture in pictures if picture.entry.mood == word]
        cells = [
            (
                str(picture.entry.path),
                (
                    _name(picture.entry.path),
                    *(
                        f"{answer.rank}. {_name(answer.path)}, {answer.mood}"
                        for answer in picture.answers[:_SONGS]
                    ),
                ),
            )
            for picture in own
        ]
        yield f"pictures-{word}", f"{word}: {len(own)} pictures, each with its first songs", cells


def _name(path: str | None) -> str:
    return escape_path(Path(str(path)).name)


def _write_sheet(file: Path, title: str, cells: Sequence[_Cell]) -> Path:
    """Draw the cells in rows below a title."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=14)
    cell_height = _THUMBNAIL + _LINE * max((len(lines) for _, lines in cells), default=0) + _GAP
    rows = -(-len(cells) // _COLUMNS)
    size = _COLUMNS * (_THUMBNAIL + _GAP) + _GAP, 2 * _LINE + _GAP + rows * cell_height
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), title, "black", font)
    for number, (path, lines) in enumerate(cells):
        row, column = divmod(number, _COLUMNS)
        left, top = _GAP + column * (_THUMBNAIL + _GAP), 2 * _LINE + _GAP + row * cell_height
        picture = _load_thumbnail(Path(path))
        sheet.paste(
            picture, (left + (_THUMBNAIL - picture.width) // 2, top + (_THUMBNAIL - picture.height) // 2)
        )
        for line, text in enumerate(lines):
            draw.text((left, top + _THUMBNAIL + line * _LINE), text, "black", font)
    sheet.save(file, quality=_QUALITY)
    return file


def _load_thumbnail(path: Path) -> Image.Image:
    from PIL import Image

    from attune.embedding.image_decoding import decode_image
    from attune.embedding.image_geometry import ImageSpec

    return Image.fromarray(decode_image(path, ImageSpec(_THUMBNAIL, "inside", colors="srgb")).pixels)
