"""The commands `find-images`, `find-music` and `browse`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import (
    CommandApp,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
)
from attune.core.errors import UsageError
from attune.core.library_address import LibraryAddress, resolve_library
from attune.core.paths import absolute_path, choose_path_format
from attune.retrieval.query_options import (
    HtmlOption,
    M3uOption,
    NulOption,
    OpenOption,
    OutputOptions,
    PathsOption,
    PreviewOption,
    with_query_options,
)
from attune.retrieval.query_parameters import BrowseParameters, FindParameters

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind
    from attune.retrieval.mood import Mood
    from attune.retrieval.seeds import QuerySource

app = CommandApp()


@app.command("find-images")
@with_query_options("per_artist")
def find_images(
    query: FindParameters,
    songs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="SONG", help="Music files; the query is their average. None with --words."),
    ] = None,
    preview: PreviewOption = None,
    html: HtmlOption = None,
    show: OpenOption = False,
    paths: PathsOption = False,
    nul: NulOption = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find the pictures that feel like a song, or like words."""
    form = OutputOptions(as_json, paths, nul, html, show, preview=preview, quiet=quiet)
    _find(songs or [], "music", query, form, library, network)


@app.command("find-music")
@with_query_options("taken", "start", "end")
def find_music(
    query: FindParameters,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE", help="Pictures; the query is their average. None with --words."),
    ] = None,
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
    """Find the songs that feel like a picture, or like words.

    For a picture, each comes with its best moment.
    """
    form = OutputOptions(as_json, paths, nul, html, show, m3u, quiet=quiet)
    _find(images or [], "image", query, form, library, network)


@app.command("browse")
@with_query_options()
def browse_command(
    query: BrowseParameters,
    preview: PreviewOption = None,
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
    """List the files near a point of the plane, a mood, or words."""
    from attune.core.console import show_progress
    from attune.retrieval.output import show_answers
    from attune.retrieval.queries import browse
    from attune.retrieval.search import require_folders
    from attune.retrieval.seeds import open_library

    if query.kind == "image" and m3u is not None:
        raise UsageError("--m3u: only for music; add --kind music")
    form = OutputOptions(as_json, paths, nul, html, show, m3u, preview, quiet)
    opened, net = open_library(resolve_library(library), network)
    with opened, show_progress(quiet=quiet) as progress:
        require_folders(opened, query.below, "--in")
        answers = browse(opened, net, query, query.make_filters(absolute_path(os.curdir)), progress)
    show_answers(answers, [], form)


def _find(
    files: list[Path],
    kind: Kind,
    query: FindParameters,
    form: OutputOptions,
    library: LibraryAddress | None,
    network: str | None,
) -> None:
    from attune.core.console import show_progress
    from attune.retrieval.output import note_missing_query, show_answers
    from attune.retrieval.queries import find_and_explain
    from attune.retrieval.search import require_folders
    from attune.retrieval.seeds import QueryResolver, open_library, require_kind

    names = [str(path) for path in files]
    if not names and query.words is None:
        raise UsageError(f"name {'a song' if kind == 'music' else 'a picture'}, or describe one with --words")
    require_kind(names, kind, "attune find-images" if kind == "image" else "attune find-music")
    opened, net = open_library(resolve_library(library), network)
    filters = query.make_filters(absolute_path(os.curdir))
    wanted: Kind = "image" if kind == "music" else "music"
    with opened, show_progress(quiet=form.quiet) as progress:
        require_folders(opened, query.below, "--in")
        seeds = QueryResolver(opened, net)
        answers = find_and_explain(opened, net, seeds, names, query, filters, wanted, progress)
        query_moods = _estimate_moods(seeds, names) if form.needs_page else []
    format_path = choose_path_format(files)
    note_missing_query(answers.query, format_path)
    show_answers(answers, query_moods, form, format_path)


def _estimate_moods(seeds: QuerySource, names: list[str]) -> list[Mood]:
    from attune.retrieval.mood import estimate_moods

    return estimate_moods(seeds, names)
