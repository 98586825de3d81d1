"""The command `attune benchmark diversity`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import CommandApp, JsonOption, NetworkOption, QuietOption, WorkersOption
from attune.training.commands import ImagesOption, MusicOption

if TYPE_CHECKING:
    from attune.benchmarks.diversity import DiversityMeasurement

app = CommandApp()


@app.command("diversity")
def diversity_command(
    images: ImagesOption,
    music: MusicOption,
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only rows of this split; all if not given.")
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option("--diverse", metavar="X", min=0.0, max=1.0, help="Weights; may be repeated."),
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder that keeps features between runs.")
    ] = None,
    network: NetworkOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure precision and variety with and without `--diverse`."""
    from attune.benchmarks.diversity import measure, read_gallery
    from attune.core.console import print_json, show_progress
    from attune.core.paths import default_cache
    from attune.core.settings import load_settings
    from attune.embedding.network import DEFAULT_NETWORK, open_network

    net = open_network(network or DEFAULT_NETWORK)
    kept, processes = cache or default_cache(), load_settings(workers=workers).workers
    with show_progress(quiet=quiet) as progress:
        pictures = read_gallery(images, "image", split, net, kept, processes, progress)
        songs = read_gallery(music, "music", split, net, kept, processes, progress)
    rows = measure(pictures, songs, net, weight or [0.5])
    if as_json:
        print_json({"network": net.name, "split": split, "rows": [asdict(row) for row in rows]})
    else:
        _print(rows)


def _print(rows: list[DiversityMeasurement]) -> None:
    from rich.table import Table

    from attune.core.console import stdout_console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("direction", "diverse", "P@10", "retained", "similarity", "of ten random files", "coverage"):
        table.add_column(name, justify="left" if name == "direction" else "right")
    for row in rows:
        figures = (row.p_at_10, row.kept, row.likeness, row.random_likeness, row.coverage)
        table.add_row(row.direction, f"{row.diverse:g}", *(f"{figure:.3f}" for figure in figures))
    stdout_console().print(table)
