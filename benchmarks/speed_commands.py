"""The timing commands of `attune benchmark`, from `make-library` to `gpu`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import (
    CommandApp,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
    WorkersOption,
)
from attune.core.library_address import resolve_library

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind

app = CommandApp()

PhotosOption = Annotated[Path, typer.Option("--images", metavar="DIR", help="Folder with pictures.")]
SongsOption = Annotated[Path, typer.Option("--music", metavar="DIR", help="Folder with music.")]


@app.command("make-library")
def make_library_command(
    photos: PhotosOption,
    songs: SongsOption,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for the files.")],
    pictures: Annotated[int, typer.Option(min=0, metavar="N", help="Total number of pictures.")] = 85_000,
    clips: Annotated[int, typer.Option(min=0, metavar="N", help="Total number of clips.")] = 3_500,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a large collection of media out of a small one.

    Pictures are variations of photos, clips are cuts of 60 s out of whole pieces of music. The default
    numbers are those of the paper's database.
    """
    from attune.benchmarks.make_library import list_media, make_clips, make_pictures
    from attune.core.console import print_json, show_progress, stdout_console
    from attune.core.errors import escape_path
    from attune.core.settings import load_settings

    count = load_settings(workers=workers).workers
    with show_progress(quiet=quiet) as progress:
        made = {
            "images": make_pictures(
                list_media(photos, "image"), output / "images", pictures, count, progress
            ),
            "music": make_clips(list_media(songs, "music"), output / "music", clips, count, progress),
        }
    if as_json:
        print_json({kind: asdict(one) for kind, one in made.items()})
        return
    for kind, one in made.items():
        stdout_console().print(
            f"{kind}: {one.made} made, {one.kept} there already, {one.bytes / 1e9:.2f} GB in "
            f"{escape_path(output / kind)}"
        )


@app.command("pipeline")
def pipeline_command(
    photos: PhotosOption,
    songs: SongsOption,
    library: Annotated[
        Path | None,
        typer.Option(
            "--library", metavar="DIR", help="Keep the library in this folder, which must not exist yet."
        ),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Files of each kind that the lower bound is measured with."),
    ] = 60,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time a build and compare it with its lower bound.

    Reports files per second, the share of time that decoding and backbones need, and memory.
    """
    from tempfile import TemporaryDirectory

    from attune.benchmarks.pipeline import measure
    from attune.benchmarks.speed_tables import print_pipeline
    from attune.core.console import print_json, show_progress
    from attune.core.errors import AttuneError, UsageError, escape_path
    from attune.core.settings import load_settings

    try:
        import psutil  # noqa: F401 - named here, before anything is measured
    except ModuleNotFoundError as error:
        raise AttuneError('this benchmark needs psutil: pip install "attune-affect[bench]"') from error
    if library is not None and library.exists():
        raise UsageError(f"{escape_path(library)}: exists; a build is measured from nothing")
    folders: dict[Kind, Path] = {"image": photos, "music": songs}
    count = load_settings(workers=workers).workers
    with TemporaryDirectory() as scratch, show_progress(quiet=quiet) as progress:
        document = measure(folders, library or Path(scratch) / "library", count, sample, progress)
    if as_json:
        print_json(document)
    else:
        print_pipeline(document)


@app.command("peers")
def peers_command(
    photos: PhotosOption,
    songs: SongsOption,
    sample: Annotated[
        int, typer.Option(min=2, metavar="N", help="Pictures to embed; one piece of music for every twenty.")
    ] = 400,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time embedding beside OpenCLIP, librosa and musicnn."""
    from attune.benchmarks.peers import measure
    from attune.benchmarks.speed_tables import print_peers
    from attune.core.console import print_json, show_progress
    from attune.core.settings import load_settings

    folders: dict[Kind, Path] = {"image": photos, "music": songs}
    with show_progress(quiet=quiet) as progress:
        document = measure(folders, sample, load_settings(workers=workers).workers, progress)
    if as_json:
        print_json(document)
    else:
        print_peers(document)


@app.command("growth")
def growth_command(
    library: LibraryOption = None,
    size: Annotated[
        int, typer.Option(min=1000, metavar="N", help="Pictures in the large library.")
    ] = 1_000_000,
    more: Annotated[int, typer.Option(min=1, metavar="N", help="New pictures to publish.")] = 1000,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time publishing new pictures in a large library.

    The large library is made from the embeddings of the given one.
    """
    from attune.benchmarks.growth import measure
    from attune.benchmarks.speed_tables import print_growth
    from attune.core.console import print_json, show_progress

    with show_progress(quiet=quiet) as progress:
        document = measure(resolve_library(library), size, more, progress)
    if as_json:
        print_json(document)
    else:
        print_growth(document)


@app.command("libraries")
def libraries_command(
    database: Annotated[
        str, typer.Argument(metavar="URL", help="PostgreSQL database without a library.", show_default=False)
    ],
    library: LibraryOption = None,
    sizes: Annotated[
        list[int] | None,
        typer.Option("--size", min=1_000, metavar="N", help="Number of pictures; may be repeated."),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Compare libraries in a folder and in PostgreSQL."""
    from tempfile import TemporaryDirectory

    from attune.benchmarks.library_kinds import measure
    from attune.benchmarks.speed_tables import print_libraries
    from attune.core.console import print_json, show_progress
    from attune.core.library_address import read_library_argument

    with TemporaryDirectory() as scratch, show_progress(quiet=quiet) as progress:
        document = measure(
            resolve_library(library),
            Path(scratch),
            read_library_argument(database),
            sizes or [100_000, 1_000_000],
            progress,
        )
    if as_json:
        print_json(document)
    else:
        print_libraries(document)


@app.command("readers")
def readers_command(
    library: LibraryOption = None,
    readers: Annotated[int, typer.Option(min=1, metavar="N", help="Number of open readers.")] = 50,
    questions: Annotated[
        float, typer.Option(min=0.1, metavar="N", help="Questions per second, of all readers together.")
    ] = 20.0,
    seconds: Annotated[float, typer.Option(min=1.0, metavar="S", help="Length of the test.")] = 60.0,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ask a library by many readers while builds add pictures.

    The pictures are made for the test, and leave the library in the end. The exit code is 1 if any question
    has no answer, or one of another generation than its reader has open.
    """
    from attune.benchmarks.database_readers import measure, print_report
    from attune.core.console import print_json

    document = measure(resolve_library(library), readers, questions, seconds)
    if as_json:
        print_json(document)
    elif not quiet:
        print_report(document)
    if document["errors"] or document["mixed"]:
        raise typer.Exit(1)


@app.command("search")
def search_command(
    library: LibraryOption = None,
    size: Annotated[
        list[int] | None,
        typer.Option(
            "--size",
            min=100,
            metavar="N",
            help="Number of vectors; by default 85,000 and 1,000,000; may be repeated.",
        ),
    ] = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time vector search beside HNSW libraries.

    The vectors are a library's own embeddings and more like them.
    """
    from attune.benchmarks.speed_tables import print_search
    from attune.benchmarks.vector_search import measure
    from attune.core.console import print_json, show_progress

    with show_progress(quiet=quiet) as progress:
        document = measure(resolve_library(library), size or [85_000, 1_000_000], progress)
    if as_json:
        print_json(document)
    else:
        print_search(document)


@app.command("cold")
def cold_command(
    library: LibraryOption = None,
    as_json: JsonOption = False,
) -> None:
    """Time queries from the shell and in a running process."""
    from attune.benchmarks.cold_start import measure
    from attune.benchmarks.speed_tables import print_cold
    from attune.core.console import print_json

    document = measure(resolve_library(library))
    if as_json:
        print_json(document)
    else:
        print_cold(document)


@app.command("encoder")
def encoder_command(
    encoder: Annotated[
        str,
        typer.Argument(
            metavar="ENCODER",
            help="An encoder as for `attune train --image-backbone`, or a shipped one by its name, such as "
            "efficientnet_lite2_faces.",
        ),
    ],
    photos: PhotosOption,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Pictures to read.")] = 40,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time an image encoder beside the shipped one."""
    from attune.benchmarks.encoder_cost import measure_encoder
    from attune.benchmarks.make_library import list_media
    from attune.benchmarks.pipeline import sample_evenly
    from attune.benchmarks.speed_tables import print_encoders
    from attune.core.console import print_json, show_progress
    from attune.core.errors import AttuneError

    chosen = sample_evenly(list_media(photos, "image"), limit)
    try:
        with show_progress(quiet=quiet) as progress:
            document = measure_encoder(encoder, chosen, progress)
    except ModuleNotFoundError as error:
        raise AttuneError(f'this benchmark needs {error.name}: pip install "attune-affect[train]"') from error
    if as_json:
        print_json(document)
    else:
        print_encoders(document)


@app.command("gpu")
def gpu_command(
    photos: PhotosOption,
    songs: SongsOption,
    train_images: Annotated[
        Path | None, typer.Option(metavar="CSV|DIR", help="Labelled images, to time a training too.")
    ] = None,
    train_music: Annotated[Path | None, typer.Option(metavar="CSV|DIR", help="Labelled music.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Files of each kind.")] = 1000,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="JSON", help="Also write the JSON document to a file."),
    ] = None,
    network: NetworkOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Time reading and training on a GPU beside the CPU.

    Without a GPU the CPU alone is timed.
    """
    import json

    from attune.benchmarks.gpu import TrainingSources, measure_devices
    from attune.benchmarks.make_library import list_media
    from attune.benchmarks.pipeline import sample_evenly
    from attune.benchmarks.speed_tables import print_devices
    from attune.core.console import print_json, show_progress
    from attune.core.errors import UsageError
    from attune.core.settings import load_settings
    from attune.embedding.network import DEFAULT_NETWORK, open_network

    if (train_images is None) != (train_music is None):
        raise UsageError("a training needs both: give --train-images and --train-music")
    media: dict[Kind, list[Path]] = {
        "image": sample_evenly(list_media(photos, "image"), limit),
        "music": sample_evenly(list_media(songs, "music"), limit),
    }
    labelled = (
        None if train_images is None or train_music is None else TrainingSources(train_images, train_music)
    )
    with show_progress(quiet=quiet) as progress:
        document = measure_devices(
            media,
            open_network(network or DEFAULT_NETWORK),
            labelled,
            load_settings(workers=workers).workers,
            progress,
        )
    if output is not None:
        output.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if as_json:
        print_json(document)
    else:
        print_devices(document)
