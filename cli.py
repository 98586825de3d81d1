"""The command line `attune`: mounts the packages' commands, turns errors into one line and an exit code."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

import attune
from attune.core.common_options import CommandApp, QuietOption
from attune.core.errors import AttuneError, UsageError, escape_path

INTERRUPTED = 130  # what shells expect of a command ended by Ctrl-C
_GC_THRESHOLD = 100_000  # new objects between two searches for garbage; Python's own value is 700

# The modules that register commands, in the order of the help. A command loads its own module alone, since
# loading all of them takes longer than parsing its options.
COMMANDS = {
    "attune.indexer.commands": ("build-index", "status"),
    "attune.indexer.settings_commands": ("roots", "exclude"),
    "attune.indexer.maintenance_commands": ("verify", "repair"),
    "attune.indexer.library_commands": ("library",),
    "attune.retrieval.commands": ("match", "mood"),
    "attune.retrieval.find_commands": ("find-images", "find-music", "browse"),
    "attune.retrieval.journey_commands": ("journey",),
    "attune.retrieval.map_commands": ("map",),
    "attune.retrieval.export_commands": ("export",),
    "attune.retrieval.story.commands": ("storyboard", "soundtrack"),
    "attune.retrieval.web.commands": ("serve",),
    "attune.training.commands": ("train",),
    "attune.training.evaluation_commands": ("evaluate",),
    "attune.benchmarks.commands": ("benchmark",),
}


def build_app(arguments: Sequence[str] = ()) -> CommandApp:
    """Return the command line with the module of the named command; without a known one, with all modules.

    Args:
        arguments: The arguments of the command line; the first may name a command.
    """
    app = CommandApp(
        help="Match music and pictures by the emotion they share. Nothing leaves this machine.",
        context_settings={"help_option_names": ["-h", "--help"]},
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.callback()(_declare_global_options)
    app.command("demo")(demo)
    named = [module for module, names in COMMANDS.items() if arguments and arguments[0] in names]
    for name in named or COMMANDS:
        commands = import_module(name).app
        app.add_typer(commands, name="benchmark" if name == "attune.benchmarks.commands" else None)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"attune {attune.__version__}")
        raise typer.Exit


def _print_config(wanted: bool) -> None:
    if not wanted:
        return
    from attune.core.console import stdout_console
    from attune.core.paths import config_file
    from attune.core.settings import describe_settings

    console = stdout_console()
    there = "" if config_file().exists() else " (not there)"
    console.print(f"Configuration file: {escape_path(config_file())}{there}")
    for setting in describe_settings():
        console.print(f"{setting.name:<16}{setting.value:<8}  ({setting.origin})")
    raise typer.Exit


def _declare_global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
    show_config: Annotated[
        bool,
        typer.Option(
            "--show-config",
            callback=_print_config,
            is_eager=True,
            help="Show each setting and where it comes from.",
        ),
    ] = False,
) -> None:
    pass


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Web page to write.")] = Path(
        "demo.html"
    ),
    quiet: QuietOption = False,
) -> None:
    """Try Attune on the shipped samples.

    A library is built in a temporary folder and queried both ways; a web page shows the answers.
    """
    import tempfile

    from attune.core.console import show_progress, stdout_console
    from attune.core.settings import load_settings
    from attune.embedding.network import open_network
    from attune.indexer.build import BuildRequest, build
    from attune.indexer.library import LibraryReader
    from attune.retrieval.demo import SAMPLES, run_demo_queries, write_demo_page
    from attune.retrieval.render_text import print_answers

    if not output.absolute().parent.is_dir():
        raise UsageError(f"--output {escape_path(output)}: no such folder")
    if output.is_dir():
        raise UsageError(f"--output {escape_path(output)}: a folder; name a file in it")
    console = stdout_console()
    network = open_network()
    with tempfile.TemporaryDirectory(prefix="attune-demo-") as folder:
        with show_progress(quiet=quiet) as progress:
            report = build(BuildRequest(Path(folder), (str(SAMPLES),)), network, load_settings(), progress)
        assert report.generation is not None
        if not quiet:
            console.print(f"Read {report.added} sample files, {report.generation.images} of them pictures.")
        with LibraryReader(Path(folder)) as library:
            queries = run_demo_queries(library, network)
    for query in queries:
        if not quiet:
            console.print(f"\n{query.title}", style="bold")
            print_answers(query.answers)
    write_demo_page(output, queries)
    if not quiet:
        console.print(f"\nLook and listen: {escape_path(output)}")


def main() -> None:
    """Run the command line and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without UTF-8 still gets its answer
    # Nearly all objects of a short command are modules and classes, which live as long as it does. To look
    # for garbage among them, again and again and at the end, would take a fifth of its time.
    gc.set_threshold(_GC_THRESHOLD)
    exit_code = run(sys.argv[1:])
    gc.freeze()
    sys.exit(exit_code)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code.

    An error is one line on stderr; with `--debug` the command has printed the traceback before.
    """
    try:
        app = build_app(arguments)
        result = app(arguments or ["--help"], prog_name="attune", standalone_mode=False)
        exit_code = result if isinstance(result, int) else 0
        return _report_interrupt(arguments) if exit_code == INTERRUPTED else exit_code
    except typer.TyperException as error:
        return _print_error(_format_usage_error(error), error.exit_code)
    except AttuneError as error:
        return _print_error(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _report_interrupt(arguments)
    except BrokenPipeError:
        _discard_stdout()
        return 0
    except Exception as error:  # noqa: BLE001 - any other error: one line, no traceback
        return _print_error(
            f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where", 1
        )


def _report_interrupt(arguments: list[str]) -> int:
    resumable = arguments[:1] in (["build-index"], ["repair"], ["train"])
    resumable |= arguments[:2] == ["library", "copy"]
    hint = "; what was finished is kept: the same command continues" if resumable else ""
    return _print_error(f"interrupted{hint}", INTERRUPTED)


def _format_usage_error(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "attune"
    return f"{error.format_message().rstrip('.')}; see `{command} --help`"


def _print_error(text: str, exit_code: int) -> int:
    sys.stderr.write(f"attune: {escape_path(text)}\n")
    return exit_code


def _discard_stdout() -> None:
    """Redirect stdout to /dev/null after a broken pipe."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
