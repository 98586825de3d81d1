"""The commands `exclude` and `roots`: what a library follows, and what is left out of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import CommandApp, JsonOption, LibraryOption, QuietOption
from attune.core.library_address import resolve_library

if TYPE_CHECKING:
    from attune.core.exclusions import Exclusion
    from attune.core.library_address import LibraryAddress
    from attune.indexer.library_settings import LibrarySettings, SettingsChange

app = CommandApp()
exclude_app = CommandApp(no_args_is_help=True, help="List and change what is left out of a library.")
roots_app = CommandApp(no_args_is_help=True, help="List and change the folders that a library follows.")
app.add_typer(exclude_app, name="exclude")
app.add_typer(roots_app, name="roots")

RulesArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH|PATTERN", help="An existing path, or a pattern in Git's syntax.", show_default=False
    ),
]
FoldersArgument = Annotated[
    list[Path], typer.Argument(metavar="PATH", help="Folders or files.", show_default=False)
]


@exclude_app.command("add")
def add_exclusions(rules: RulesArgument, library: LibraryOption = None, quiet: QuietOption = False) -> None:
    """Leave out files from now on.

    They are in no answer any more. Their features are kept: `exclude remove` brings them back in seconds.
    """

    def add(settings: LibrarySettings) -> LibrarySettings:
        from attune.core.exclusion_argument import resolve_exclusion
        from attune.core.paths import absolute_path

        roots = [root.path for root in settings.roots]
        given = [resolve_exclusion(rule, roots, absolute_path(os.curdir)) for rule in rules]
        lifted = {_lift(one) for one in given}
        kept = [one for one in settings.exclusions if one not in lifted]
        return replace(settings, exclusions=list(dict.fromkeys([*kept, *given])))

    _change(resolve_library(library), add, quiet=quiet)


@exclude_app.command("remove")
def remove_exclusions(
    rules: RulesArgument, library: LibraryOption = None, quiet: QuietOption = False
) -> None:
    """Take files back in that were left out.

    What was in the library before is back at once, from stored features.
    """

    def remove(settings: LibrarySettings) -> LibrarySettings:
        exclusions = list(settings.exclusions)
        for rule in rules:
            exclusions = _remove_rule(rule, exclusions, [root.path for root in settings.roots])
        return replace(settings, exclusions=exclusions)

    _change(resolve_library(library), remove, quiet=quiet)


@exclude_app.command("list")
def list_exclusions(as_json: JsonOption = False, library: LibraryOption = None) -> None:
    """List what is left out, also what is left out of every library."""
    from attune.core.console import print_json, stdout_console
    from attune.core.exclusions import DEFAULT_EXCLUSIONS, describe_exclusion
    from attune.indexer.library import read_status

    own = read_status(resolve_library(library)).exclusions
    default = [one for one in DEFAULT_EXCLUSIONS if _lift(one) not in own]
    if as_json:
        print_json(
            {
                "exclusions": [describe_exclusion(one) for one in own],
                "default_exclusions": [one.pattern for one in default],
            }
        )
        return
    console = stdout_console()
    for one in own:
        console.print(describe_exclusion(one))
    for one in default:
        console.print(f"{one.pattern}  (by default)")


@roots_app.command("add")
def add_roots(folders: FoldersArgument, library: LibraryOption = None, quiet: QuietOption = False) -> None:
    """Follow folders from now on.

    What the library knew below them before is back at once; `build-index` reads the rest.
    """

    def add(settings: LibrarySettings) -> LibrarySettings:
        from attune.indexer.records import Root

        known = {root.path: root for root in settings.roots}
        for path in _make_absolute(folders):
            if not Path(path).exists():
                raise _make_usage_error(path, "no such file or folder")
            known.setdefault(path, Root(path))
        return replace(settings, roots=list(known.values()))

    _change(resolve_library(library), add, quiet=quiet)


@roots_app.command("forget")
def forget_roots(folders: FoldersArgument, library: LibraryOption = None, quiet: QuietOption = False) -> None:
    """Follow folders no longer: their files leave the library.

    The files themselves stay untouched, and so do their features: `roots add` brings them back in seconds.
    """

    def forget(settings: LibrarySettings) -> LibrarySettings:
        known = {root.path: root for root in settings.roots}
        for path in _make_absolute(folders):
            if known.pop(path, None) is None:
                raise _make_usage_error(path, "not followed; `attune roots list` lists what is")
        return replace(settings, roots=list(known.values()))

    _change(resolve_library(library), forget, quiet=quiet)


@roots_app.command("list")
def list_roots(as_json: JsonOption = False, library: LibraryOption = None) -> None:
    """List the folders that are followed, and which cannot be reached."""
    from attune.core.console import print_json, stdout_console
    from attune.core.errors import escape_path
    from attune.indexer.library import count_items_below, read_status
    from attune.indexer.report_text import count_files, describe_absence

    address = resolve_library(library)
    roots = read_status(address).roots
    counts = count_items_below(address, [root.path for root in roots])
    if as_json:
        print_json(
            {
                "roots": [
                    {
                        "path": root.path,
                        "files": files,
                        "follow_links": root.follow_links,
                        "unreachable": root.unreachable,
                    }
                    for root, files in zip(roots, counts, strict=True)
                ]
            }
        )
        return
    console = stdout_console()
    for root, files in zip(roots, counts, strict=True):
        links = ", links are followed" if root.follow_links else ""
        console.print(f"{escape_path(root.path)}: {count_files(files)}{links}{describe_absence(root)}")
    if not roots:
        console.print("No folder is followed; `attune build-index FOLDER` begins.")


def _change(
    address: LibraryAddress, change: Callable[[LibrarySettings], LibrarySettings], *, quiet: bool
) -> None:
    from attune.core.console import show_progress
    from attune.core.settings import load_settings
    from attune.indexer.build import open_network_of
    from attune.indexer.library_settings import change_settings

    with show_progress(quiet=quiet) as progress:
        done = change_settings(address, change, open_network_of, load_settings(), progress)
    if not quiet:
        _print_change(done)


def _print_change(done: SettingsChange) -> None:
    from attune.core.console import stdout_console
    from attune.core.exclusions import describe_exclusion
    from attune.indexer.report_text import count_files

    console = stdout_console()
    lines = [
        *(("left out", one) for one in done.after.exclusions if one not in done.before.exclusions),
        *(("no longer left out", one) for one in done.before.exclusions if one not in done.after.exclusions),
    ]
    for words, one in lines:
        said = f"lifts the rule {one.pattern[1:]}" if one.lifts and words == "left out" else words
        console.print(f"{describe_exclusion(one)}: {said}")
    counts = [
        f"{count_files(count)} {words}"
        for count, words in (
            (done.left_out, "left the library"),
            (done.restored, "came back"),
            (done.unread, "to come back with the next build, which must read them"),
        )
        if count
    ]
    console.print(f"{', '.join(counts) or 'no file of the library is concerned'}")
    lifted = set(done.before.exclusions).difference(done.after.exclusions)
    if lifted or set(done.after.roots).difference(done.before.roots):
        console.print("`attune build-index` reads files that are new to the library.")


def _remove_rule(rule: str, exclusions: list[Exclusion], roots: list[str]) -> list[Exclusion]:
    """Return the exclusions without a rule; a rule of every library is lifted by a negated one."""
    from attune.core.exclusion_argument import resolve_exclusion
    from attune.core.exclusions import DEFAULT_EXCLUSIONS
    from attune.core.paths import absolute_path

    named = resolve_exclusion(rule, roots, absolute_path(os.curdir))
    rest = [one for one in exclusions if one != named and one.pattern.rstrip("/") != rule.rstrip("/")]
    if len(rest) < len(exclusions):
        return rest
    for one in DEFAULT_EXCLUSIONS:
        if one.pattern.rstrip("/") == rule.rstrip("/"):
            return [*exclusions, _lift(one)]
    raise _make_usage_error(rule, "not left out; `attune exclude list` lists what is")


def _lift(exclusion: Exclusion) -> Exclusion:
    return replace(exclusion, pattern=f"!{exclusion.pattern}")


def _make_absolute(folders: list[Path]) -> list[str]:
    from attune.core.paths import absolute_path

    return [absolute_path(folder) for folder in folders]


def _make_usage_error(path: str, what: str) -> Exception:
    from attune.core.errors import UsageError, escape_path

    return UsageError(f"{escape_path(path)}: {what}")
