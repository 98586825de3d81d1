"""`attune benchmark make-library` and `pipeline`: what Attune costs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.options import DebugOption, JsonOption, QuietOption, WorkersOption

if TYPE_CHECKING:
    from embedding.media import Kind

app = typer.Typer()

PhotosOption = Annotated[Path, typer.Option("--images", metavar="DIR", help="Folder with pictures.")]
SongsOption = Annotated[Path, typer.Option("--music", metavar="DIR", help="Folder with music.")]


@app.command("make-library")
def make_library_command(
    photos: PhotosOption,
    songs: SongsOption,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where the files go.")],
    pictures: Annotated[int, typer.Option(min=0, metavar="N", help="Pictures to have in the end.")] = 85_000,
    clips: Annotated[int, typer.Option(min=0, metavar="N", help="Clips to have in the end.")] = 3_500,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Make media as many as the paper's: variations of photos, cuts of 60 s of whole pieces of music."""
    from benchmarks.make_library import make_clips, make_pictures, media_below
    from core.errors import printable
    from core.settings import load_settings
    from core.terminal import out, print_json, shown_progress

    count = load_settings(workers).workers
    with shown_progress(quiet=quiet) as progress:
        made = {
            "images": make_pictures(
                media_below(photos, "image"), output / "images", pictures, count, progress
            ),
            "music": make_clips(media_below(songs, "music"), output / "music", clips, count, progress),
        }
    if as_json:
        print_json({kind: asdict(one) for kind, one in made.items()})
        return
    for kind, one in made.items():
        out().print(
            f"{kind}: {one.made} made, {one.kept} there already, {one.bytes / 1e9:.2f} GB in "
            f"{printable(output / kind)}"
        )


@app.command("pipeline")
def pipeline_command(
    photos: PhotosOption,
    songs: SongsOption,
    library: Annotated[
        Path | None,
        typer.Option("--library", metavar="DIR", help="Keep the library there; there must be none yet."),
    ] = None,
    sample: Annotated[
        int, typer.Option(min=1, metavar="N", help="Files of each kind that the floor is measured with.")
    ] = 60,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Time a build: files a second, share of what decoding and the backbones cost at the least, memory."""
    from tempfile import TemporaryDirectory

    from benchmarks.pipeline import measure
    from core.errors import AttuneError, UsageError, printable
    from core.settings import load_settings
    from core.terminal import print_json, shown_progress

    try:
        import psutil  # noqa: F401 - named here, before anything is measured
    except ModuleNotFoundError as error:
        raise AttuneError('this benchmark needs psutil: pip install "attune[bench]"') from error
    if library is not None and library.exists():
        raise UsageError(f"{printable(library)}: exists; a build is measured from nothing")
    folders: dict[Kind, Path] = {"image": photos, "music": songs}
    count = load_settings(workers).workers
    with TemporaryDirectory() as scratch, shown_progress(quiet=quiet) as progress:
        document = measure(folders, library or Path(scratch) / "library", count, sample, progress)
    if as_json:
        print_json(document)
    else:
        _print_pipeline(document)


def _print_pipeline(document: dict[str, Any]) -> None:
    from rich.table import Table

    from core.terminal import out

    floors = Table("floor, a file on one core", box=None, header_style="bold", pad_edge=False)
    for name in ("decode ms", "network ms", "mean length s"):
        floors.add_column(name, justify="right")
    for floor in document["floor"]:
        length = f"{floor['seconds']:.0f}" if floor["seconds"] else ""
        floors.add_row(floor["kind"], f"{floor['decode_ms']:.2f}", f"{floor['network_ms']:.2f}", length)
    phases = Table(f"{document['workers']} workers", box=None, header_style="bold", pad_edge=False)
    for name in ("files", "seconds", "files/s", "× real time", "share of floor", "peak PSS MB"):
        phases.add_column(name, justify="right")
    for phase in document["phases"]:
        real, share = phase["real_time"], phase["share_of_floor"]
        phases.add_row(
            phase["name"],
            str(phase["files"]),
            f"{phase['seconds']:.1f}",
            f"{phase['files_per_s']:.1f}",
            "" if real is None else f"{real:.0f}",
            "" if share is None else f"{share:.0%}",
            f"{phase['peak_pss_mb']:.0f}",
        )
    console = out()
    console.print(floors)
    console.print()
    console.print(phases)
    console.print(f"\nlibrary on disk: {document['library_bytes'] / 1e6:.1f} MB")
