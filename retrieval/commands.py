"""The commands `match` and `mood`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from attune.core.common_options import (
    CommandApp,
    JsonOption,
    LibraryOption,
    NetworkOption,
)
from attune.core.library_address import resolve_library
from attune.core.paths import choose_path_format

app = CommandApp()


@app.command("match")
def match_command(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A picture.")],
    song: Annotated[Path, typer.Argument(metavar="SONG", help="A music file.")],
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
) -> None:
    """Tell whether a picture and a song share a mood."""
    from attune.core.console import print_json
    from attune.retrieval.match import match
    from attune.retrieval.output import note_missing_query
    from attune.retrieval.render_text import format_accuracy, print_match
    from attune.retrieval.seeds import QueryResolver, open_library_or_network, require_kind

    require_kind([str(image)], "image", "attune match IMAGE SONG")
    require_kind([str(song)], "music", "attune match IMAGE SONG")
    opened, net = open_library_or_network(resolve_library(library), network)
    found = match(QueryResolver(opened, net), net, str(image), str(song))
    format_path = choose_path_format([image, song])
    note_missing_query([found.image, found.music], format_path)
    if as_json:
        from attune.retrieval.response_models import match_json

        print_json(match_json(found) | {"network": {"name": net.name, "test": net.test_figures}})
    else:
        print_match(found, format_accuracy(net.test_figures), format_path)


@app.command("mood")
def mood_command(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Pictures or music.")],
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
) -> None:
    """Show the valence, arousal and polarity of files.

    For a song also how valence and arousal change over time.
    """
    from attune.core.console import print_json
    from attune.retrieval.mood import estimate_moods
    from attune.retrieval.output import note_missing_query
    from attune.retrieval.render_text import print_moods
    from attune.retrieval.seeds import QueryResolver, open_library_or_network

    opened, net = open_library_or_network(resolve_library(library), network)
    found = estimate_moods(QueryResolver(opened, net), [str(path) for path in files])
    format_path = choose_path_format(files)
    note_missing_query([mood.entry for mood in found], format_path)
    if as_json:
        from attune.retrieval.response_models import moods_json

        print_json(moods_json(found, net.name))
    else:
        print_moods(found, format_path)
