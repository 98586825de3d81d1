"""The command `attune benchmark storyboard`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.core.common_options import CommandApp, JsonOption, LibraryOption, QuietOption
from attune.core.library_address import resolve_library

app = CommandApp()


@app.command("storyboard")
def storyboard_command(
    songs: Annotated[list[Path], typer.Argument(metavar="SONG", help="Music files.")],
    library: LibraryOption = None,
    below: Annotated[
        list[Path] | None, typer.Option("--in", metavar="DIR", help="Only pictures below this folder.")
    ] = None,
    film: Annotated[bool, typer.Option("--film", help="Also render each film at 720p and time it.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure film plans and rendered films.

    The pictures are compared with the same ones shuffled, the cuts with beats detected anew.
    """
    from attune.benchmarks.film_quality import measure, print_measures
    from attune.core.console import print_json, show_progress
    from attune.core.paths import absolute_path

    folders = tuple(absolute_path(folder) for folder in below or [])
    with show_progress(quiet=quiet) as progress:
        found = measure(resolve_library(library), [str(song) for song in songs], folders, film, progress)
    if as_json:
        print_json({"films": found})
    else:
        print_measures(found)
