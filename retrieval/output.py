"""An answer goes where it was asked to go: the terminal, a pipe, a page, a playlist."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attune.core.console import print_json, stderr_console
from attune.core.errors import escape_path
from attune.retrieval.mood import Mood
from attune.retrieval.render_text import print_answer, print_paths
from attune.retrieval.results import Answer

if TYPE_CHECKING:
    from attune.retrieval.query_options import OutputOptions


def show_answer(answer: Answer, moods: Sequence[Mood], form: OutputOptions) -> None:
    """Give an answer in its form.

    Args:
        answer: What was found.
        moods: The files that were asked with; needed where a page is made.
        form: What is wanted.

    Raises:
        AttuneError: A file cannot be written.
    """
    if form.as_json:
        print_json(answer.to_json())
    elif form.paths or form.nul:
        print_paths(answer, b"\0" if form.nul else b"\n")
    else:
        print_answer(answer, form.preview)
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
        # Kept: the browser reads it after this program has ended.
        page = Path(tempfile.mkdtemp(prefix="attune-")) / "answer.html"
    library = answer.library
    lead = (
        f"From {library.images} pictures and {library.music} songs. "
        "Percentages are correspondence probabilities."
    )
    looked_for = "Pictures" if answer.kind == "image" else "Songs"
    asked = ", ".join(escape_path(Path(one.path).name) for one in answer.query if one.path) or "a mood"
    write_page(page, f"{looked_for} for {asked}", lead, [Section("Asked with", answer, moods)])
    if form.show:
        open_page(page)


def open_page(page: Path) -> None:
    """Show a page in the browser; where there is none, say where the page lies."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        stderr_console().print(f"No browser could be opened: look at {escape_path(page.absolute())}")
