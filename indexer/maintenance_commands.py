"""The commands `verify` and `repair`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

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
    from attune.core.library_address import LibraryAddress
    from attune.indexer.repair import RepairReport
    from attune.indexer.verify import Damage, Findings

app = CommandApp()


@app.command("verify")
def verify_command(
    as_json: JsonOption = False,
    library: LibraryOption = None,
    quiet: QuietOption = False,
) -> None:
    """Check every byte of the library.

    The exit code is 1 if anything is damaged.
    """
    from attune.core.console import print_json, show_progress, stdout_console
    from attune.indexer.verify import verify

    address = resolve_library(library)
    with show_progress(quiet=quiet or as_json) as progress:
        findings = verify(address, progress)
    if as_json:
        print_json(_build_document(address, findings))
    elif findings.damage:
        _print_damage(findings.damage)
        stdout_console().print("Run `attune repair` to repair it.")
    elif not quiet:
        stdout_console().print(f"{findings.images} images and {findings.music} songs: nothing is damaged")
    if not as_json:
        _print_unchecked(findings)
    if findings.damage:
        raise typer.Exit(1)


@app.command("repair")
def repair_command(
    workers: WorkersOption = None,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Repair a damaged library.

    What can be read is kept; the rest is made again from the media files.
    """
    from attune.core.console import print_json, show_progress
    from attune.core.settings import load_settings
    from attune.indexer.repair import repair

    address = resolve_library(library)
    settings = load_settings(workers=workers)
    with show_progress(quiet=quiet or as_json) as progress:
        repaired = repair(address, network, settings, progress)
    if as_json:
        document = _build_document(address, repaired.after)
        document["mended"] = [asdict(damage) for damage in repaired.before.damage]
        kept = repaired.recovered
        document["recovered"] = None if kept is None else kept.items
        document["damaged_catalogue"] = None if kept is None or kept.kept_at is None else str(kept.kept_at)
        print_json(document)
    else:
        if not quiet:
            _print_repaired(repaired)
        _print_unchecked(repaired.after)
    if repaired.after.damage:
        raise typer.Exit(1)


def _print_unchecked(findings: Findings) -> None:
    from attune.core.console import stderr_console

    for line in findings.unchecked:
        stderr_console().print(line)


def _build_document(address: LibraryAddress, findings: Findings) -> dict[str, object]:
    return {
        "path": str(address),
        "generation": findings.generation or 0,
        "images": findings.images,
        "music": findings.music,
        "damage": [asdict(damage) for damage in findings.damage],
        "unchecked": findings.unchecked,
    }


def _print_damage(damage: list[Damage]) -> None:
    from attune.core.console import stdout_console
    from attune.indexer.report_text import iter_damage

    console = stdout_console()
    for line in iter_damage(damage):
        console.print(line)


def _print_repaired(repaired: RepairReport) -> None:
    from attune.core.console import stdout_console
    from attune.core.errors import escape_path
    from attune.indexer.report_text import iter_missing

    console = stdout_console()
    if not repaired.before.damage:
        console.print("Nothing is damaged; nothing was changed.")
        return
    recovered = repaired.recovered
    if recovered is not None:
        console.print(f"{recovered.items} items were recovered from the damaged catalogue.")
        if recovered.kept_at is not None:
            console.print(f"It is kept in {escape_path(recovered.kept_at)}.")
        for root in recovered.roots:
            console.print(f"{escape_path(root)}: followed from now on, since the list of folders was lost")
        if recovered.roots:
            console.print("If there were others, add them with `attune build-index FOLDER`.")
    report = repaired.report
    if report is None:
        console.print("The list of folders is lost: add your folders again with `attune build-index FOLDER`.")
    else:
        console.print(f"{report.added + report.changed} files were read again.")
        for line in iter_missing(report.missing, escape_path):
            console.print(line)
    if repaired.after.damage:
        console.print("Still damaged, since the media files cannot be reached; repair again when they can:")
        _print_damage(repaired.after.damage)
