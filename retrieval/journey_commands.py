"""The command `journey`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from attune.core.common_options import (
    CommandApp,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
)
from attune.core.errors import UsageError
from attune.core.library_address import resolve_library
from attune.core.paths import absolute_path, choose_path_format, read_path_argument
from attune.retrieval.journey_parameters import NOT_OF_JOURNEYS, JourneyParameters
from attune.retrieval.query_options import (
    HtmlOption,
    M3uOption,
    NulOption,
    OpenOption,
    OutputOptions,
    PathsOption,
    with_query_options,
)

app = CommandApp()

_END = "a file, a mood such as calm, a place such as 0.5,-0.3, or words"


@app.command("journey")
@with_query_options(*NOT_OF_JOURNEYS)
def journey_command(
    start: Annotated[str, typer.Argument(metavar="FROM", help=f"Where it begins: {_END}.")],
    end: Annotated[str, typer.Argument(metavar="TO", help="Where it ends; the same.")],
    query: JourneyParameters,
    html: HtmlOption = None,
    show: OpenOption = False,
    m3u: M3uOption = None,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Walk from one mood to another, file by file.

    Songs, or pictures, in steps as even as the library allows; none comes twice. A file of that kind that is
    in the library is itself the first or last step.
    """
    from dataclasses import replace

    from attune.retrieval.journey import plan_journey, resolve_request
    from attune.retrieval.journey_output import show_journey
    from attune.retrieval.output import note_missing_query
    from attune.retrieval.search import require_folders
    from attune.retrieval.seeds import QueryResolver, open_library

    if query.kind == "image" and m3u is not None:
        raise UsageError("--m3u: only for music; leave out --kind image")
    form = OutputOptions(as_json, paths, nul, html, show, m3u, quiet=quiet)
    names = [str(read_path_argument(text)) if text.strip() else text for text in (start, *query.via, end)]
    query = replace(query, via=tuple(names[1:-1]))
    opened, net = open_library(resolve_library(library), network)
    with opened:
        require_folders(opened, query.below, "--in")
        request = resolve_request(QueryResolver(opened, net), names[0], names[-1], query)
        journey = plan_journey(opened, net, request, query.make_filters(absolute_path(os.curdir)))
    format_path = choose_path_format([Path(one.text) for one in request.ends if one.entry.path is not None])
    note_missing_query(journey.answers.query, format_path)
    show_journey(journey, form, format_path)
