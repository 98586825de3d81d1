"""Text output of film plans and soundtracks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attune.core.console import stdout_console
from attune.core.errors import escape_path, escape_text
from attune.core.path_table import PathTable
from attune.core.paths import PathFormat
from attune.retrieval.mood_words import mood_word
from attune.retrieval.render_text import format_fit, format_time
from attune.retrieval.story.film_plan import FilmPlan
from attune.retrieval.story.soundtrack import Soundtrack


def print_plan(plan: FilmPlan, written: Sequence[Path], format_path: PathFormat = escape_path) -> None:
    """Print a plan: its title, its notes, the written files or, if there are none, a table of its shots."""
    console = stdout_console()
    tempo = f", {plan.tempo_bpm:.0f} beats a minute" if plan.tempo_bpm else ""
    sections = _format_count(len({shot.section for shot in plan.shots}), "section")
    console.print(
        f"{escape_text(plan.title) or format_path(plan.song)}: {format_time(plan.duration_s)}{tempo}, "
        f"{sections}, {_format_count(len(plan.shots), 'picture')}"
    )
    for note in plan.notes:
        console.print(f"Note: {note}")
    if not written:
        columns = ("at", "stays", "section", "the song feels", "score")
        table = PathTable(columns, "picture", numeric=set(columns) - {"the song feels"})
        for shot in plan.shots:
            table.add_row(
                format_time(shot.start_s),
                f"{shot.end_s - shot.start_s:.1f} s",
                str(shot.section),
                shot.mood,
                "" if shot.score is None else f"{shot.score:.1%}",
                path=format_path(shot.picture),
            )
        table.print(console)
    for path in written:
        console.print(f"Written: {escape_path(path)}")


def print_soundtrack(
    soundtrack: Soundtrack, written: Path | None, format_path: PathFormat = escape_path
) -> None:
    """Print the chapters of a soundtrack, each with a table of its songs, and the written playlist."""
    console = stdout_console()
    for number, chapter in enumerate(soundtrack.chapters, start=1):
        first, last = chapter.photos[0].taken, chapter.photos[-1].taken
        days = f"{first:%d %b %Y}" if first.date() == last.date() else f"{first:%d %b %Y} – {last:%d %b %Y}"
        console.print(
            f"\nChapter {number}: {_format_count(len(chapter.photos), 'photo')}, {days}, "
            f"{mood_word(chapter.affect.place)}",
            style="bold",
        )
        columns = ("#", "lasts", "score", "fit", "feels")
        table = PathTable(columns, "song", numeric=set(columns) - {"feels"})
        for song, length in zip(chapter.songs, chapter.lengths_s, strict=True):
            name = escape_text(song.display_name)
            table.add_row(
                str(song.rank),
                format_time(length),
                f"{song.worth:.1%}",
                format_fit(song.fit),
                song.mood,
                path=format_path(song.path),
                details=(name,) if name else (),
            )
        table.print(console)
    for note in soundtrack.notes:
        console.print(f"Note: {note}")
    console.print(f"\n{format_time(soundtrack.duration_s)} of music")
    if written is not None:
        console.print(f"Written: {escape_path(written)}")


def _format_count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
