"""The command `attune benchmark journeys`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attune.core.common_options import CommandApp, JsonOption, LibraryOption
from attune.core.errors import UsageError, escape_path
from attune.core.library_address import LibraryAddress, resolve_library

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from attune.benchmarks.journeys import JourneyMeasurement

app = CommandApp()


@app.command("journeys")
def journeys_command(
    kind: Annotated[Literal["image", "music"], typer.Option(help="Kind of files to pass.")] = "music",
    steps: Annotated[int, typer.Option(metavar="N", min=2, max=200, help="Steps of each journey.")] = 10,
    places: Annotated[
        int | None,
        typer.Option(metavar="N", min=2, help="Measure on N made-up places instead of a library."),
    ] = None,
    smoothness: Annotated[
        float, typer.Option(metavar="X", min=0.0, help="Weight of uneven steps against distance.")
    ] = 1.0,
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how even journeys between named moods are.

    Steps and distances from the line, beside those of the nearest files, with and without repeats.
    """
    from attune.benchmarks.journeys import make_places, measure_journeys
    from attune.core.console import print_json

    if places is not None:
        source, points = "made-up places", make_places(places)
    else:
        source, points = _read_places(resolve_library(library), kind)
    found = measure_journeys(points, steps, smoothness)
    if as_json:
        document = {"source": source, "items": len(points), "steps": steps, "smoothness": smoothness}
        print_json(document | {"ways": [asdict(one) for one in found]})
    else:
        _print(source, len(points), steps, found)


def _read_places(folder: LibraryAddress, kind: Literal["image", "music"]) -> tuple[str, NDArray[np.float64]]:
    from attune.indexer.library import LibraryReader

    with LibraryReader(folder) as reader:
        _, points = reader.places(kind)
    if len(points) < 2:
        raise UsageError(f"{escape_path(folder)}: fewer than two files of this kind; choose --kind")
    return f"{kind} of {escape_path(folder)}", points


def _print(source: str, items: int, steps: int, found: Sequence[JourneyMeasurement]) -> None:
    from rich.table import Table

    from attune.core.console import stdout_console

    console = stdout_console()
    console.print(f"{source}: {items} items, {found[0].journeys} journeys of {min(steps, items)} steps")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("way")
    for name in ("mean step", "largest step", "worst step", "off the line", "repeats", "ms"):
        table.add_column(name, justify="right")
    for one in found:
        lengths = (one.mean_step, one.largest_step, one.worst_step, one.off_line)
        table.add_row(one.way, *(f"{length:.3f}" for length in lengths), str(one.repeats), f"{one.ms:.1f}")
    console.print(table)
