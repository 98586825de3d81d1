"""The commands `storyboard` and `soundtrack`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from attune.core.common_options import (
    CommandApp,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
    WorkersOption,
)
from attune.core.errors import AttuneError, UsageError, escape_path
from attune.core.library_address import LibraryAddress, resolve_library
from attune.core.paths import absolute_path, choose_path_format, require_writable
from attune.retrieval.query_options import with_query_options
from attune.retrieval.query_parameters import FilmParameters, WordParameters

if TYPE_CHECKING:
    from attune.core.errors import MediaError
    from attune.core.progress import Progress
    from attune.retrieval.story.film import FilmFormat
    from attune.retrieval.story.film_plan import FilmOrder, FilmPlan

app = CommandApp()

_FORMATS = (".mp4", ".html", ".json")


@app.command("storyboard")
@with_query_options()
def storyboard_command(
    song: Annotated[
        Path, typer.Argument(metavar="SONG|PLAN", help="A music file, or a plan.json to render.")
    ],
    pictures: FilmParameters,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Film (.mp4), page (.html) or plan (.json); may be repeated.",
        ),
    ] = None,
    size: Annotated[Literal["720p", "1080p"], typer.Option(help="Resolution of the film.")] = "720p",
    fps: Annotated[Literal["25", "30"], typer.Option(help="Frames per second of the film.")] = "25",
    seconds: Annotated[
        float,
        typer.Option(
            "--seconds-per-picture", metavar="S", min=1.0, max=60.0, help="Approximate time of each picture."
        ),
    ] = 4.0,
    order: Annotated[
        Literal["mood", "time"],
        typer.Option(help="Pictures by mood alone, or by mood in the order in which they were taken."),
    ] = "mood",
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Cut a film of your pictures to a song.

    Each passage gets pictures of its mood; they change on beats.
    """
    from attune.core.console import print_json, show_progress, stderr_console
    from attune.retrieval.story.film import SIZES, FilmFormat
    from attune.retrieval.story.film_plan_file import read_plan
    from attune.retrieval.story.story_text import print_plan

    outputs = _check_outputs(output or [])
    with show_progress(quiet=quiet) as progress:
        if song.suffix.lower() == ".json":
            if pictures != FilmParameters():
                raise UsageError(
                    f"{escape_path(song)}: a plan has its pictures; leave out what chooses others"
                )
            plan = read_plan(song)
        else:
            plan = _make_plan(song, library, network, pictures, seconds, order, progress)
        lost = _write_outputs(plan, outputs, FilmFormat(SIZES[size], int(fps)), progress)
    for line in dict.fromkeys(str(one) for one in lost):
        stderr_console().print(f"Skipped: {line}")
    if as_json:
        print_json(plan.to_json() | {"written": [str(path.absolute()) for path in outputs]})
    elif not quiet:
        print_plan(plan, outputs, choose_path_format([song]))


@app.command("soundtrack")
@with_query_options()
def soundtrack_command(
    folder: Annotated[Path, typer.Argument(metavar="PHOTO_DIR", help="A folder with photos.")],
    songs: WordParameters,
    minutes: Annotated[
        float, typer.Option(min=1.0, max=1440.0, metavar="N", help="Approximate length of the playlist.")
    ] = 30.0,
    m3u: Annotated[
        Path | None,
        typer.Option("--m3u", metavar="FILE", help="Also write the playlist, with relative paths."),
    ] = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Find a playlist for a folder of photos.

    The photos are divided into chapters by time and mood; each gets songs of the library.
    """
    from attune.core.console import print_json, show_progress, stderr_console
    from attune.core.settings import load_settings
    from attune.retrieval.m3u import write_m3u
    from attune.retrieval.seeds import QueryResolver, open_library
    from attune.retrieval.story.photo_folder import read_photos
    from attune.retrieval.story.soundtrack import compose_soundtrack, iter_tracks
    from attune.retrieval.story.story_text import print_soundtrack

    if not folder.is_dir():
        raise UsageError(f"{escape_path(folder)}: no such folder")
    if m3u is not None:
        require_writable("--m3u", m3u)
    opened, net = open_library(resolve_library(library), network)
    with opened, show_progress(quiet=quiet) as progress:
        photos, lost = read_photos(
            folder, QueryResolver(opened, net), net, load_settings(workers=workers), progress
        )
        if not photos:
            raise UsageError(f"{escape_path(folder)}: no photo that can be read")
        found = compose_soundtrack(opened, net, photos, minutes, songs.make_target(net, "music"))
    if m3u is not None:
        write_m3u(m3u, iter_tracks(found))
    if as_json:
        skipped = [{"path": str(one.path), "reason": one.reason} for one in lost]
        print_json(found.to_json() | {"skipped": skipped})
        return
    for one in lost:
        stderr_console().print(f"Passed over: {one}")
    if not quiet:
        print_soundtrack(found, m3u, choose_path_format([folder]))


def _make_plan(
    song: Path,
    library: LibraryAddress | None,
    network: str | None,
    pictures: FilmParameters,
    seconds: float,
    order: FilmOrder,
    progress: Progress,
) -> FilmPlan:
    from attune.retrieval.filter_notes import describe_filters
    from attune.retrieval.output import print_notes
    from attune.retrieval.search import Filters, require_folders
    from attune.retrieval.seeds import QueryResolver, media_kind, open_library, require_kind
    from attune.retrieval.story.beats import require_librosa
    from attune.retrieval.story.storyboard import plan_film

    require_kind([str(song)], "music", "attune storyboard SONG")
    media_kind(str(song))  # the film holds its sound, so the library's record of it is not enough
    require_librosa()
    opened, net = open_library(resolve_library(library), network)
    filters = Filters(below=pictures.below, exclude=pictures.exclude, folder=absolute_path(os.curdir))
    progress.start("Listening", None)
    try:
        with opened:
            require_folders(opened, pictures.below, "--in")
            print_notes(describe_filters(opened, "image", filters))
            target = pictures.make_target(net, "image")
            seeds = QueryResolver(opened, net)
            return plan_film(opened, net, seeds, str(song), filters, seconds, order, target)
    finally:
        progress.finish()


def _write_outputs(
    plan: FilmPlan, outputs: list[Path], film_format: FilmFormat, progress: Progress
) -> list[MediaError]:
    """Write what is asked for, the quickest first."""
    from attune.retrieval.story.film import write_film
    from attune.retrieval.story.film_page import write_film_page
    from attune.retrieval.story.film_plan_file import write_plan

    lost: list[MediaError] = []
    for path in sorted(outputs, key=lambda path: _FORMATS.index(path.suffix.lower()), reverse=True):
        try:
            match path.suffix.lower():
                case ".json":
                    write_plan(plan, path)
                case ".html":
                    lost += write_film_page(plan, path, progress)
                case _:
                    lost += write_film(plan, path, film_format, progress)
        except OSError as error:
            raise AttuneError(f"{escape_path(path)}: cannot be written ({error.strerror})") from error
    return lost


def _check_outputs(given: list[Path]) -> list[Path]:
    for path in given:
        if path.suffix.lower() not in _FORMATS:
            raise UsageError(f"--output {escape_path(path)}: name it .mp4, .html or .json")
        require_writable("--output", path)
    return given
