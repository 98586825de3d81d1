"""Text output of film plans and soundtracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.console import stdout_console
from attune.core.errors import escape_path, escape_text
from attune.retrieval.affect_plane import mood_word
from attune.retrieval.render_text import format_time
from attune.retrieval.story.film_plan import FilmPlan
from attune.retrieval.story.soundtrack import Soundtrack

if TYPE_CHECKING:
    from rich.table import Table


def print_plan(plan: FilmPlan, written: Sequence[Path]) -> None:
    """Print a plan: its title, its notes, the written files or, if there are none, a table of its shots."""
    console = stdout_console()
    tempo = f", {plan.tempo_bpm:.0f} beats a minute" if plan.tempo_bpm else ""
    sections = _format_count(len({shot.section for shot in plan.shots}), "section")
    console.print(
        f"{escape_text(plan.title) or escape_path(plan.song)}: {format_time(plan.duration_s)}{tempo}, "
        f"{sections}, {_format_count(len(plan.shots), 'picture')}"
    )
    for note in plan.notes:
        console.print(f"Note: {note}")
    if not written:
        table = _make_table("at", "stays", "section", "the song feels", "score", "picture")
        for shot in plan.shots:
            table.add_row(
                format_time(shot.start_s),
                f"{shot.end_s - shot.start_s:.1f} s",
                str(shot.section),
                shot.mood,
                "" if shot.score is None else f"{shot.score:.2f}",
                escape_path(shot.picture),
            )
        console.print(table)
    for path in written:
        console.print(f"Written: {escape_path(path.absolute())}")


def print_soundtrack(soundtrack: Soundtrack, written: Path | None) -> None:
    """Print the chapters of a soundtrack, each with a table of its songs, and the written playlist."""
    console = stdout_console()
    for number, chapter in enumerate(soundtrack.chapters, start=1):
        first, last = chapter.photos[0].taken, chapter.photos[-1].taken
        days = f"{first:%d %b %Y}" if first.date() == last.date() else f"{first:%d %b %Y} – {last:%d %b %Y}"
        console.print(
            f"\nChapter {number}: {_format_count(len(chapter.photos), 'photo')}, {days}, "
            f"{mood_word(chapter.affect)}",
            style="bold",
        )
        table = _make_table("#", "lasts", "score", "feels", "song")
        for song, length in zip(chapter.songs, chapter.lengths_s, strict=True):
            name = escape_text(song.display_name)
            path = escape_path(song.path)
            table.add_row(
                str(song.rank),
                format_time(length),
                f"{song.score:.2f}",
                mood_word(song.affect),
                f"{path}\n{name}" if name else path,
            )
        console.print(table)
    for note in soundtrack.notes:
        console.print(f"Note: {note}")
    console.print(f"\n{format_time(soundtrack.duration_s)} of music")
    if written is not None:
        console.print(f"Written: {escape_path(written.absolute())}")


def _format_count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _make_table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        words = column in ("the song feels", "feels", "picture", "song")
        path = column in ("picture", "song")
        table.add_column(column, justify="left" if words else "right", overflow="fold", no_wrap=not path)
    return table
