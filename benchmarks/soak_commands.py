"""The command `attune benchmark soak`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from attune.core.common_options import CommandApp, JsonOption, QuietOption, WorkersOption

app = CommandApp()


@app.command("soak")
def soak_command(
    kills: Annotated[int, typer.Option(min=0, metavar="N", help="Builds to kill.")] = 300,
    files: Annotated[int, typer.Option(min=0, metavar="N", help="Mutated files to read.")] = 20_000,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the random choices.")] = 0,
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Kill builds and read hostile files.

    The exit code is 1 if anything was lost.
    """
    from tempfile import TemporaryDirectory

    from attune.core.console import print_json, show_progress
    from attune.core.errors import AttuneError, UsageError
    from attune.core.settings import load_settings

    try:
        from attune.benchmarks.soak import measure
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("attune.tests"):
            raise
        raise UsageError(
            "the soak benchmark needs Attune's tests, which are not installed: run it from a source checkout"
        ) from error
    try:
        import psutil  # noqa: F401 - named here, before anything is done
    except ModuleNotFoundError as error:
        raise AttuneError('this benchmark needs psutil: pip install "attune-affect[bench]"') from error
    count = load_settings(workers=workers).workers
    with TemporaryDirectory(prefix="attune-soak-") as folder, show_progress(quiet=quiet) as progress:
        document = measure(kills, files, Path(folder), seed, count, progress)
    if as_json:
        print_json(document)
    else:
        _print(document)
    lost = [fault for fault in document["faults"] if fault["lost"]]
    if lost or document["media"]["failures"]:
        raise typer.Exit(1)


def _print(document: dict[str, Any]) -> None:
    from rich.table import Table

    from attune.core.console import stdout_console

    console = stdout_console()
    table = Table("fault", "tried", "survived", "lost", box=None)
    for fault in document["faults"]:
        lost = "; ".join(fault["lost"]) or "nothing"
        table.add_row(fault["name"], str(fault["tried"]), str(fault["survived"]), lost)
    console.print(table)
    media = document["media"]
    console.print(
        f"{media['files']} hostile files: {media['read']} read, {media['skipped']} skipped with a reason "
        f"({media['crashed']} crashed a decoder, {media['hung']} hung, {media['too_large']} took too much "
        f"memory); peak {media['peak_mb']:.0f} MB; {len(media['failures'])} failures"
    )
    for failure in media["failures"]:
        console.print(failure)
