"""The command `attune map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.core.errors import UsageError, printable
from attune.core.options import DebugOption, LibraryOption, NetworkOption, QuietOption, library_folder
from attune.retrieval.options import OpenOption, require_writable

app = typer.Typer()

_PLOTS = (".png", ".svg", ".pdf")


@app.command("map")
def map_command(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="map.html, or map.png for a picture.")
    ] = Path("map.html"),
    show: OpenOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Draw the whole library on the valence–arousal plane."""
    from attune.core.terminal import err, shown_progress
    from attune.retrieval.atlas import layers
    from attune.retrieval.map_page import write_map_page
    from attune.retrieval.map_plot import write_map_plot
    from attune.retrieval.query import open_library
    from attune.retrieval.show import open_page

    suffix = output.suffix.lower()
    if suffix not in (".html", *_PLOTS):
        raise UsageError(f"--output {printable(output)}: name a .html, .png, .svg or .pdf file")
    require_writable("--output", output)
    opened, _ = open_library(library_folder(library), network)
    with opened:
        if suffix in _PLOTS:
            write_map_plot(output, layers(opened))
        else:
            with shown_progress(quiet=quiet) as progress:
                write_map_page(output, opened, layers(opened), progress)
    if not quiet:
        err().print(f"Written: {printable(output)}")
    if show:
        open_page(output)
