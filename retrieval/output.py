"""Output of an answer in the requested form: table, paths, JSON, HTML page or playlist."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.console import print_json, stderr_console
from attune.core.errors import escape_path
from attune.core.path_format import PathFormat
from attune.retrieval.mood import Mood
from attune.retrieval.render_text import print_answer, print_paths
from attune.retrieval.results import Answer

if TYPE_CHECKING:
    from attune.retrieval.query_options import OutputOptions


def show_answer(
    answer: Answer, moods: Sequence[Mood], form: OutputOptions, format_path: PathFormat = escape_path
) -> None:
    """Print an answer and write the requested files.

    Args:
        answer: The answer.
        moods: The moods of the query's files; used only for a page.
        form: The requested form of output.
        format_path: How a table shows paths.

    Raises:
        AttuneError: A file cannot be written.
    """
    if form.as_json:
        print_json(answer.to_json())
    elif form.paths or form.nul:
        print_paths(answer, b"\0" if form.nul else b"\n")
    else:
        print_answer(answer, form.preview, format_path, summary=not form.quiet)
    if form.m3u is not None:
        _write_m3u(answer, form.m3u)
    if form.needs_page:
        _write_page(answer, moods, form)


def _write_m3u(answer: Answer, path: Path) -> None:
    from attune.retrieval.m3u import Track, write_m3u

    for name in write_m3u(path, (Track(song, song.duration_s) for song in answer.results)):
        stderr_console().print(f"{escape_path(name)}: left out of the playlist; its name has a line break")


def _write_page(answer: Answer, moods: Sequence[Mood], form: OutputOptions) -> None:
    from attune.retrieval.answer_page import Section, write_page

    page = form.html
    if page is None:
        # The folder is not deleted: the browser reads the page after this program has ended.
        page = Path(tempfile.mkdtemp(prefix="attune-")) / "answer.html"
    library = answer.library
    lead = (
        f"From {library.images} pictures and {library.music} songs. "
        "Percentages are correspondence probabilities."
    )
    plural = "Pictures" if answer.kind == "image" else "Songs"
    names = ", ".join(escape_path(Path(entry.path).name) for entry in answer.query if entry.path) or "a mood"
    write_page(page, f"{plural} for {names}", lead, [Section("Query", answer, moods)])
    if form.show:
        open_page(page)


def open_page(page: Path) -> None:
    """Open a page in the browser; if no browser can be started, print the path of the page."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        stderr_console().print(f"No browser could be opened. The page is {escape_path(page.absolute())}")
