"""The command `library`: copying and removing a whole library."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attune.core.common_options import CommandApp, JsonOption, LibraryOption, QuietOption
from attune.core.library_address import LibraryAddress, resolve_library

if TYPE_CHECKING:
    from attune.indexer.library_copy import CopyReport

app = CommandApp()
library_app = CommandApp(no_args_is_help=True, help="Copy or remove a whole library.")
app.add_typer(library_app, name="library")

FromArgument = Annotated[
    LibraryAddress, typer.Argument(metavar="FROM", help="The library to copy.", show_default=False)
]
ToArgument = Annotated[
    LibraryAddress, typer.Argument(metavar="TO", help="Where the copy goes.", show_default=False)
]


@library_app.command("copy")
def copy_command(
    source: FromArgument, target: ToArgument, as_json: JsonOption = False, quiet: QuietOption = False
) -> None:
    """Copy a library to another place, and check the copy.

    Nothing is read again. Ctrl-C is safe: the same command continues. The exit code is 1 if anything in the
    copy is damaged.
    """
    from attune.core.console import print_json, show_progress, stdout_console
    from attune.core.errors import escape_path
    from attune.indexer.library_copy import copy_library
    from attune.indexer.report_text import iter_damage

    source, target = resolve_library(source), resolve_library(target)
    with show_progress(quiet=quiet or as_json) as progress:
        report = copy_library(source, target, progress)
    damage = report.findings.damage
    if as_json:
        print_json(_build_document(source, target, report))
    elif damage:
        for line in iter_damage(damage):
            stdout_console().print(line)
        stdout_console().print(f"`attune repair --library {escape_path(target)}` repairs the copy.")
    elif not quiet:
        stdout_console().print(_describe(target, report))
    if damage:
        raise typer.Exit(1)


@library_app.command("remove")
def remove_command(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    quiet: QuietOption = False,
) -> None:
    """Delete a library, but no picture and no song.

    A build makes it again, which takes as long as the first time.
    """
    from attune.core.console import print_json, stdout_console
    from attune.core.errors import LibraryError, UsageError, escape_path
    from attune.indexer.library_store import open_store

    address = resolve_library(library)
    store = open_store(address)
    if not store.exists() and not store.has_lost_catalogue():
        raise LibraryError(f"{address}: no library here, so there is nothing to remove")
    contents, document = _look_into(address)
    name = escape_path(address)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked here; say --yes to remove the library")
        question = f"Delete the library {name} ({contents})? Media files stay as they are."
        if not typer.confirm(question, err=True):
            raise typer.Exit(1)
    store.remove()
    if as_json:
        print_json({"path": str(address)} | document)
    elif not quiet:
        stdout_console().print(f"The library {name} is deleted ({contents}); media files are untouched.")


def _look_into(library: LibraryAddress) -> tuple[str, dict[str, Any]]:
    """Return what a library holds, as text and for JSON; one that cannot be read can be removed too."""
    from attune.core.errors import LibraryError
    from attune.indexer.library import read_status

    try:
        status = read_status(library)
    except LibraryError:
        return "it cannot be read", {"images": None, "music": None, "bytes": None}
    generation = status.generation
    images, music = (0, 0) if generation is None else (generation.images, generation.music)
    text = f"{images} images and {music} songs, {status.bytes / 1e6:.1f} MB"
    return text, {"images": images, "music": music, "bytes": status.bytes}


def _build_document(source: LibraryAddress, target: LibraryAddress, report: CopyReport) -> dict[str, Any]:
    return {
        "from": str(source),
        "to": str(target),
        "generation": report.generation.id,
        "images": report.generation.images,
        "music": report.generation.music,
        "was_complete": report.was_complete,
        "rows": report.rows,
        "feature_bytes": report.feature_bytes,
        "damage": [asdict(damage) for damage in report.findings.damage],
    }


def _describe(target: LibraryAddress, report: CopyReport) -> str:
    from attune.core.errors import escape_path

    held = f"{report.generation.images} images and {report.generation.music} songs"
    place = escape_path(target)
    if report.was_complete:
        return f"{held} are in {place} already; nothing is to be done, and nothing is damaged"
    return (
        f"{held} are in {place}: {report.rows} rows and {report.feature_bytes / 1e6:.1f} MB of features were "
        "copied; nothing is damaged"
    )
