"""The commands `build-index` and `status`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attune.core.common_options import (
    CommandApp,
    DeviceOption,
    JsonOption,
    LibraryOption,
    NetworkOption,
    QuietOption,
    WorkersOption,
)
from attune.core.library_address import resolve_library

if TYPE_CHECKING:
    from attune.core.library_address import LibraryAddress
    from attune.core.paths import PathFormat
    from attune.core.settings import Settings
    from attune.embedding.network import Network
    from attune.indexer.build import BuildReport
    from attune.indexer.library import Status
    from attune.indexer.records import Generation

app = CommandApp()


@app.command("build-index")
def build_index(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH", help="Folders or files; without any, those of earlier builds are refreshed."
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude",
            metavar="PATH|PATTERN",
            help="Leave out a path, or what matches a pattern in Git's syntax, from now on; may be repeated.",
        ),
    ] = None,
    workers: WorkersOption = None,
    device: DeviceOption = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Read every file again; make a library of an older version anew.",
        ),
    ] = False,
    follow_links: Annotated[bool, typer.Option("--follow-links", help="Follow symbolic links.")] = False,
    accept_empty: Annotated[
        bool,
        typer.Option(
            "--accept-empty",
            help="Believe that files which cannot be found are gone, though a whole folder of them is.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done; write nothing.")
    ] = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Build a library of photos and music, or bring it up to date.

    Only new and changed files are read. Ctrl-C is safe: the same command continues. What a folder held is
    kept while its disk is away.
    """
    from attune.core.console import show_progress, stdout_console
    from attune.core.paths import choose_path_format
    from attune.core.settings import load_settings
    from attune.embedding.device import resolve_device
    from attune.embedding.network import open_network
    from attune.indexer.build import BuildRequest, open_build, open_network_of, plan_build
    from attune.indexer.library import read_published_generation
    from attune.indexer.reconnection import keep_building
    from attune.indexer.report_text import render_plan

    address = resolve_library(library)
    names = tuple(str(path) for path in paths or [])
    request = BuildRequest(
        address, names, tuple(exclude or ()), follow_links, rebuild, accept_empty=accept_empty
    )
    settings, device_reason = resolve_device(load_settings(workers=workers, device=device), device)
    requested = None if network is None else open_network(network)
    if dry_run:
        used = requested or open_network_of(read_published_generation(address))
        stdout_console().print(render_plan(plan_build(request, used.backbones)))
        return

    def run() -> BuildReport:
        with open_build(request) as session:
            used = requested or open_network_of(session.published)
            if not quiet:
                _print_backbones(
                    used, session.count_missing_features(used.backbones), settings, device_reason
                )
            with show_progress(quiet=quiet) as progress:
                return session.run(used, settings, progress)

    report = keep_building(run)
    if not quiet:
        _print_report(report, library or address, choose_path_format(paths or []))


@app.command("status")
def status_command(
    skipped: Annotated[
        bool, typer.Option("--skipped", help="List the files that could not be used.")
    ] = False,
    as_json: JsonOption = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
) -> None:
    """Show what the library holds and how good its network is."""
    from attune.core.console import print_json
    from attune.indexer.library import read_status

    address = resolve_library(library)
    status = read_status(address)
    network_in_use = _describe_network(status.generation, network)
    if as_json:
        print_json(_status_json(address, status, *network_in_use, skipped=skipped))
    else:
        _print_status(library or address, status, *network_in_use, skipped=skipped)


def _describe_network(generation: Generation | None, asked: str | None) -> tuple[str, dict[str, Any] | None]:
    """Return name and test figures of the library's network; of the one to be used where there is no library.

    Figures belong to the library only if its network is still where it was, unchanged.
    """
    from attune.core.errors import AttuneError
    from attune.embedding.network import DEFAULT_NETWORK, open_network

    if generation is None:
        network = open_network(asked or DEFAULT_NETWORK)
        return network.name, network.test_figures
    try:
        network = open_network(asked or generation.network_source)
    except AttuneError:
        return f"{generation.network[:8]}, not found at {generation.network_source}", None
    if network.id != generation.network:
        return (
            f"{generation.network[:8]}, not the {network.name} that is there now: build the index again",
            None,
        )
    return network.name, network.test_figures


def _print_backbones(network: Network, lacking: int, settings: Settings, device_reason: str | None) -> None:
    """Print the device if somebody asked for one, and how many files another backbone must read again."""
    from attune.core.console import stderr_console

    console = stderr_console()
    if device_reason is not None:
        console.print(f"Backbones run on {settings.device}: {device_reason}")
    if lacking:
        encoders = " and ".join(one.name for one in network.backbones.values())
        console.print(
            f"{lacking} files must be read again, because the network {network.name} uses other encoders "
            f"({encoders}), or prepares files for them in another way. The former features stay stored: "
            "going back takes seconds."
        )


def _print_report(report: BuildReport, address: LibraryAddress, format_path: PathFormat) -> None:
    from attune.core.console import stderr_console, stdout_console
    from attune.core.errors import escape_path
    from attune.indexer.report_text import iter_warnings, render_counts

    generation = report.generation
    assert generation is not None
    console = stdout_console()
    console.print(f"{generation.images} images and {generation.music} songs in {escape_path(address)}")
    console.print(render_counts(report))
    warn = stderr_console()
    for line in iter_warnings(report, format_path):
        warn.print(line)


def _status_json(
    address: LibraryAddress, status: Status, network: str, figures: dict[str, Any] | None, *, skipped: bool
) -> dict[str, Any]:
    from attune.core.exclusions import DEFAULT_EXCLUSIONS, describe_exclusion

    generation = status.generation
    document: dict[str, Any] = {
        "path": str(address),
        "generation": 0 if generation is None else generation.id,
        "network": network,
        "images": 0 if generation is None else generation.images,
        "music": 0 if generation is None else generation.music,
        "skipped": len(status.skipped),
        "skipped_by_reason": dict(Counter(skip.reason for skip in status.skipped)),
        "roots": [root.path for root in status.roots],
        "unreachable": [root.path for root in status.roots if root.unreachable],
        "exclusions": [describe_exclusion(one) for one in status.exclusions],
        "default_exclusions": [one.pattern for one in DEFAULT_EXCLUSIONS],
        "omissions": status.omissions,
        "bytes": status.bytes,
        "test": figures,
    }
    if skipped:
        document["skipped_files"] = [{"path": skip.path, "reason": skip.reason} for skip in status.skipped]
    return document


def _print_status(
    address: LibraryAddress, status: Status, network: str, figures: dict[str, Any] | None, *, skipped: bool
) -> None:
    from attune.core.console import stdout_console
    from attune.core.errors import escape_path
    from attune.core.exclusions import describe_exclusion
    from attune.indexer.report_text import count_files, describe_absence, iter_skips

    console = stdout_console()
    generation = status.generation
    rows = [("library", escape_path(address))]
    if generation is None:
        rows.append(("holds", "nothing yet; make it with `attune build-index FOLDER`"))
    else:
        rows.append(("holds", f"{generation.images} images, {generation.music} songs"))
        rows.append(("generation", str(generation.id)))
    rows += [("root", escape_path(root.path) + describe_absence(root)) for root in status.roots]
    rows += [("excluded", describe_exclusion(one)) for one in status.exclusions]
    rows += [("left out", f"{files} {reason}") for reason, files in status.omissions.items()]
    rows.append(("size", f"{status.bytes / 1e6:.1f} MB"))
    rows.append(("network", network))
    if figures is not None:
        found = figures["correspondence"]
        low, high = found["ci95"]
        rows.append(
            ("accuracy", f"{found['accuracy']:.1%} ({low:.1%}–{high:.1%}) of test pairs; 50% is chance")
        )
    rows.append(
        ("skipped", count_files(len(status.skipped)) + ("" if skipped else "; list them with --skipped"))
    )
    for name, value in rows:
        console.print(f"{name:<11}{value}")
    if skipped:
        for line in iter_skips(status.skipped, escape_path):
            console.print(line)
