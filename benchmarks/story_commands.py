"""`attune benchmark storyboard`: whether films are what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.core.options import DebugOption, JsonOption, LibraryOption, QuietOption, library_folder

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
    from attune.benchmarks.storyboard import measure, print_measures
    from attune.core.paths import absolute
    from attune.core.terminal import print_json, shown_progress

    folders = tuple(absolute(folder) for folder in below or [])
    with shown_progress(quiet=quiet) as progress:
        found = measure(library_folder(library), [str(song) for song in songs], folders, film, progress)
    if as_json:
        print_json({"films": found})
    else:
        print_measures(found)
