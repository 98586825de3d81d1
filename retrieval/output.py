"""Output of the answers to a query in the requested form: table, paths, JSON, HTML page or playlist."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.console import print_json, stderr_console
from attune.core.errors import escape_path
from attune.core.paths import PathFormat
from attune.retrieval.answers import Answers, QueryEntry, describe_missing
from attune.retrieval.render_text import print_answers, print_paths

if TYPE_CHECKING:
    from attune.retrieval.mood import Mood
    from attune.retrieval.query_options import OutputOptions


def print_notes(notes: Iterable[str]) -> None:
    """Print what people should know about an answer on stderr, so that a program that reads it sees none."""
    for note in notes:
        stderr_console().print(f"Note: {note}")


def note_missing_query(query: Iterable[QueryEntry], format_path: PathFormat = escape_path) -> None:
    """Say which files of a query are not there now, so that the library's record of them was used."""
    print_notes(
        f"{format_path(entry.path)} is not there now; what the library knows of it was used"
        for entry in query
        if entry.missing and entry.path is not None
    )


def show_answers(
    answers: Answers, moods: Sequence[Mood], form: OutputOptions, format_path: PathFormat = escape_path
) -> None:
    """Print answers and write the requested files.

    Args:
        answers: The answers.
        moods: The moods of the query's files; used only for a page.
        form: The requested form of output.
        format_path: How a table shows paths.

    Raises:
        AttuneError: A file cannot be written.
    """
    if form.as_json:
        from attune.retrieval.response_models import answers_json

        print_json(answers_json(answers))
    elif form.paths or form.nul:
        print_paths(answers, b"\0" if form.nul else b"\n")
        print_notes(note_missing(answers, "the list"))
    else:
        print_answers(answers, form.preview, format_path, summary=not form.quiet)
    if not form.as_json:
        print_notes(answers.notes)
    if form.m3u is not None:
        write_playlist(answers, form.m3u)
    if form.needs_page:
        write_answer_page(_title_page(answers), answers, moods, form)


def write_playlist(answers: Answers, path: Path) -> None:
    """Write the songs of answers that are there now as a playlist, and say which are not.

    Raises:
        AttuneError: The playlist cannot be written.
    """
    from attune.retrieval.m3u import Track, write_m3u

    write_m3u(path, (Track(song, song.duration_s) for song in answers.present))
    print_notes(note_missing(answers, "the playlist"))


def note_missing(answers: Answers, place: str) -> list[str]:
    """Return a sentence on the answers that are left out of a place, as their files are not there now."""
    total = len(answers.results)
    missing = total - len(answers.present)
    noun = "song" if answers.kind == "music" else "picture"
    return [describe_missing(missing, total, noun, place)] if missing else []


def write_answer_page(
    title: str,
    answers: Answers,
    moods: Sequence[Mood],
    form: OutputOptions,
    path: Sequence[tuple[float, float]] = (),
) -> None:
    """Write the page of answers that was requested, and open it if it should be.

    Args:
        title: Title of the page.
        answers: The answers.
        moods: The moods of the query's files.
        form: The requested form of output.
        path: Places that a line on the plane joins; empty: no line.

    Raises:
        AttuneError: The page cannot be written.
    """
    from attune.retrieval.answer_page import Section, write_page

    page = form.html
    if page is None:
        # The folder is not deleted: the browser reads the page after this program has ended.
        page = Path(tempfile.mkdtemp(prefix="attune-")) / "answer.html"
    lead = f"From {answers.library.images} pictures and {answers.library.music} songs."
    write_page(page, title, lead, [Section("Query", answers, moods, path)])
    if form.show:
        open_page(page)


def _title_page(answers: Answers) -> str:
    plural = "Pictures" if answers.kind == "image" else "Songs"
    names = ", ".join(escape_path(Path(entry.path).name) for entry in answers.query if entry.path) or "a mood"
    return f"{plural} for {names}"


def open_page(page: Path) -> None:
    """Open a page in the browser; if no browser can be started, print the path of the page."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        stderr_console().print(f"No browser could be opened. The page is {escape_path(page.absolute())}")
