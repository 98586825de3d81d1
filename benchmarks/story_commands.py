"""`attune benchmark storyboard`: whether films are what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.core.common_options import DebugOption, JsonOption, LibraryOption, QuietOption, library_folder

app = typer.Typer()


@app.command("storyboard")
def storyboard_command(
    songs: Annotated[list[Path], typer.Argument(metavar="SONG...", help="Music files.")],
    library: LibraryOption = None,
    below: Annotated[
        list[Path] | None, typer.Option("--in", metavar="DIR", help="Only pictures below this folder.")
    ] = None,
    film: Annotated[bool, typer.Option("--film", help="Render each film too, at 720p, and time it.")] = False,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Check plans: pictures against the same ones shuffled, cuts against beats found anew; time films."""
    from attune.benchmarks.film_quality import measure, print_measures
    from attune.core.console import print_json, show_progress
    from attune.core.paths import absolute_path

    folders = tuple(absolute_path(folder) for folder in below or [])
    with show_progress(quiet=quiet) as progress:
        found = measure(library_folder(library), [str(song) for song in songs], folders, film, progress)
    if as_json:
        print_json({"films": found})
    else:
        print_measures(found)
