"""The command `attune map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.core.common_options import CommandApp, LibraryOption, NetworkOption, QuietOption
from attune.core.errors import UsageError, escape_path
from attune.core.library_address import resolve_library
from attune.core.paths import require_writable
from attune.retrieval.query_options import OpenOption

app = CommandApp()

_PLOTS = (".png", ".svg", ".pdf")


@app.command("map")
def map_command(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Interactive page (.html) or picture (.png, .svg, .pdf)."
        ),
    ] = Path("map.html"),
    show: OpenOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Draw the library on the valence–arousal plane."""
    from attune.core.console import show_progress, stderr_console
    from attune.retrieval.library_map import load_layers
    from attune.retrieval.map_page import write_map_page
    from attune.retrieval.map_plot import write_map_plot
    from attune.retrieval.output import open_page, print_notes
    from attune.retrieval.seeds import open_library

    suffix = output.suffix.lower()
    if suffix not in (".html", *_PLOTS):
        raise UsageError(f"--output {escape_path(output)}: name a .html, .png, .svg or .pdf file")
    require_writable("--output", output)
    opened, _ = open_library(resolve_library(library), network)
    with opened:
        if suffix in _PLOTS:
            write_map_plot(output, load_layers(opened))
        else:
            with show_progress(quiet=quiet) as progress:
                notes = write_map_page(output, opened, load_layers(opened), progress)
            print_notes(notes)
    if not quiet:
        stderr_console().print(f"Written: {escape_path(output)}")
    if show:
        open_page(output)
