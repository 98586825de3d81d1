"""The command `attune benchmark samples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from attune.core.common_options import CommandApp, JsonOption, NetworkOption, QuietOption, WorkersOption

app = CommandApp()


@app.command("samples")
def samples_command(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="DIR", help="Folder of pictures and music; the shipped samples if not given."
        ),
    ] = None,
    sheets: Annotated[
        Path | None,
        typer.Option(
            "--sheets",
            metavar="DIR",
            help="Write contact sheets: each song with its first pictures, and the pictures of each mood.",
        ),
    ] = None,
    network: NetworkOption = None,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Count the moods of what is shown for the samples.

    How many files get a first answer of their own mood, by mood, and how varied the answers are.
    """
    import tempfile

    from attune.benchmarks.contact_sheets import write_sheets
    from attune.benchmarks.sample_answers import ask_each_file, summarize_samples
    from attune.core.console import print_json, show_progress, stderr_console
    from attune.core.errors import escape_path
    from attune.core.settings import load_settings
    from attune.embedding.network import DEFAULT_NETWORK, open_network
    from attune.indexer.build import BuildRequest, build
    from attune.indexer.library import LibraryReader
    from attune.retrieval.demo import SAMPLES

    net = open_network(network or DEFAULT_NETWORK)
    source = (folder or SAMPLES).absolute()
    with (
        tempfile.TemporaryDirectory(prefix="attune-samples-") as temporary,
        show_progress(quiet=quiet) as progress,
    ):
        library = Path(temporary) / "library"
        build(BuildRequest(library, (str(source),)), net, load_settings(workers=workers), progress)
        with LibraryReader(library) as reader:
            pictures = ask_each_file(reader, net, "image", progress)
            songs = ask_each_file(reader, net, "music", progress)
        written = [] if sheets is None else write_sheets(sheets, pictures, songs)
    document = {"network": net.name} | summarize_samples(pictures, songs)
    if as_json:
        print_json(document)
    else:
        _print(document)
    if sheets is not None and not quiet:
        stderr_console().print(f"{len(written)} contact sheets in {escape_path(sheets)}")


def _print(document: dict[str, Any]) -> None:
    from rich.table import Table

    from attune.core.console import stdout_console
    from attune.core.errors import escape_path

    for way, asking, shown in (("image_to_music", "photos", "songs"), ("music_to_image", "songs", "photos")):
        found = document[way]
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column(f"{asking} by mood")
        for name in (asking, shown, f"first {shown[:-1]} of the mood"):
            table.add_column(name, justify="right")
        for row in found["words"]:
            table.add_row(row["word"], *(str(row[name]) for name in ("files", "in_gallery", "right")))
        stdout_console().print(table)
        frequent = found["most_frequent"]
        stdout_console().print(
            f"{found['right']} of {found['files']} {asking} get a first {shown[:-1]} of their mood; "
            f"{found['asked']} {asking} get {found['sets']} different sets of three {shown}; "
            f"{escape_path(Path(str(frequent['path'])).name)} is in {frequent['sets']} of them\n"
        )
