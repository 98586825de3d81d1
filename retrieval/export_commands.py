"""The command `attune export`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from attune.core.common_options import CommandApp, LibraryOption, NetworkOption, QuietOption
from attune.core.errors import UsageError, escape_path
from attune.core.library_address import resolve_library
from attune.core.paths import absolute_path
from attune.retrieval.query_options import with_query_options
from attune.retrieval.query_parameters import PathParameters

app = CommandApp()


@app.command("export")
@with_query_options()
def export_command(
    paths: PathParameters,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="Table to write, .csv or .parquet; without it, CSV is printed."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The same as FILE.")
    ] = None,
    kind: Annotated[
        Literal["image", "music"] | None,
        typer.Option("--kind", help="Only pictures, or only music; both if not given.", show_default=False),
    ] = None,
    score_against: Annotated[
        list[Path] | None,
        typer.Option(
            "--score-against",
            metavar="FILE",
            help="Add how well each file of the other kind suits this picture or song; if repeated, their "
            "average.",
        ),
    ] = None,
    embeddings: Annotated[
        bool, typer.Option("--embeddings", help="Add the embedding of each file, 128 numbers.")
    ] = False,
    features: Annotated[
        bool,
        typer.Option("--features", help="Add the mean features of each file's backbone; needs --kind."),
    ] = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write the library as a table, CSV or Parquet.

    Each file has a row with its mood in numbers, its tags, date and rating; docs/export.md lists the columns.
    """
    from attune.core.console import show_progress, stderr_console
    from attune.core.progress import SilentProgress
    from attune.core.table_files import print_csv, require_table_file
    from attune.retrieval.export_table import (
        ExportRequest,
        ExportTable,
        export_library,
        resolve_export_query,
    )
    from attune.retrieval.output import note_missing_query, print_notes
    from attune.retrieval.search import Filters, require_folders
    from attune.retrieval.seeds import QueryResolver, open_library

    target = _choose_target(file, output)
    if target is not None:
        require_table_file("FILE" if output is None else "--output", target)
    if features and kind is None:
        raise UsageError(
            "--features: pictures and songs have different features; add --kind image or --kind music"
        )
    names = [str(path) for path in score_against or []]
    opened, net = open_library(resolve_library(library), network)
    with opened:
        require_folders(opened, paths.below, "--in")
        query = resolve_export_query(QueryResolver(opened, net), names, kind, "--score-against")
        note_missing_query([item.entry for item in query])
        filters = Filters(below=paths.below, exclude=paths.exclude, folder=absolute_path(os.curdir))
        request = ExportRequest(kind, embeddings, features, query, filters)
        if target is None:
            table = ExportTable(opened, net, request)
            print_csv(table.columns, table.read(SilentProgress()))
            summary = table.summarize()
        else:
            with show_progress(quiet=quiet) as progress:
                summary = export_library(target, opened, net, request, progress)
    print_notes(summary.notes)
    if target is not None and not quiet:
        stderr_console().print(f"Written: {escape_path(target)}, {summary.rows} rows")


def _choose_target(file: Path | None, output: Path | None) -> Path | None:
    if file is not None and output is not None:
        raise UsageError(f"{escape_path(file)} and --output {escape_path(output)}: name one file")
    return file if output is None else output
