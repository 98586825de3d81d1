"""How plans and soundtracks look to a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.errors import printable, printable_text
from attune.core.terminal import out
from attune.retrieval.forms import clock
from attune.retrieval.plane import mood_word
from attune.retrieval.story.plan import Plan
from attune.retrieval.story.soundtrack import Soundtrack

if TYPE_CHECKING:
    from rich.table import Table


def print_plan(plan: Plan, written: Sequence[Path]) -> None:
    """Print a plan as a table, its notes, and what was written; the table only where nothing was."""
    console = out()
    tempo = f", {plan.tempo_bpm:.0f} beats a minute" if plan.tempo_bpm else ""
    sections = _count(len({shot.section for shot in plan.shots}), "section")
    console.print(
        f"{printable_text(plan.title) or printable(plan.song)}: {clock(plan.duration_s)}{tempo}, "
        f"{sections}, {_count(len(plan.shots), 'picture')}"
    )
    for note in plan.notes:
        console.print(f"Note: {note}")
    if not written:
        table = _table("at", "stays", "section", "the song feels", "score", "picture")
        for shot in plan.shots:
            table.add_row(
                clock(shot.start_s),
                f"{shot.end_s - shot.start_s:.1f} s",
                str(shot.section),
                shot.mood,
                "" if shot.score is None else f"{shot.score:.2f}",
                printable(shot.picture),
            )
        console.print(table)
    for path in written:
        console.print(f"Written: {printable(path.absolute())}")


def print_soundtrack(soundtrack: Soundtrack, written: Path | None) -> None:
    """Print chapters, each with its songs."""
    console = out()
    for number, chapter in enumerate(soundtrack.chapters, start=1):
        first, last = chapter.photos[0].taken, chapter.photos[-1].taken
        days = f"{first:%d %b %Y}" if first.date() == last.date() else f"{first:%d %b %Y} – {last:%d %b %Y}"
        console.print(
            f"\nChapter {number}: {_count(len(chapter.photos), 'photo')}, {days}, "
            f"{mood_word(chapter.affect)}",
            style="bold",
        )
        table = _table("#", "lasts", "score", "feels", "song")
        for song, length in zip(chapter.songs, chapter.lengths_s, strict=True):
            name = printable_text(song.named)
            path = printable(song.path)
            table.add_row(
                str(song.rank),
                clock(length),
                f"{song.score:.2f}",
                mood_word(song.affect),
                f"{path}\n{name}" if name else path,
            )
        console.print(table)
    for note in soundtrack.notes:
        console.print(f"Note: {note}")
    console.print(f"\n{clock(soundtrack.duration_s)} of music")
    if written is not None:
        console.print(f"Written: {printable(written.absolute())}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        words = column in ("the song feels", "feels", "picture", "song")
        path = column in ("picture", "song")
        table.add_column(column, justify="left" if words else "right", overflow="fold", no_wrap=not path)
    return table
