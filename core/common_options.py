"""Options that several commands share, each declared once."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer

from attune.core.library_address import (
    DatabaseAddress,
    LibraryAddress,
    read_library_argument,
)
from attune.core.paths import read_path_argument

LibraryOption = Annotated[
    LibraryAddress | None,
    typer.Option(
        "--library",
        metavar="DIR|URL",
        envvar="ATTUNE_LIBRARY",
        help="Folder or PostgreSQL address of the library.",
        show_default=False,
    ),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME|DIR",
        envvar="ATTUNE_NETWORK",
        help="A shipped network by name, or a folder that `attune train` wrote.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no summary.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", min=1, max=256, help="Processes that read files; one per core by default."
    ),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(
        help="Where backbones run; `auto` (the default) takes a GPU that ONNX Runtime can use.",
        show_default=False,
    ),
]
_DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
_VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log each step on stderr.")]
_LogFileOption = Annotated[
    Path | None, typer.Option("--log-file", metavar="FILE", help="Append the whole log to a file.")
]


class CommandApp(typer.Typer):
    """A Typer application whose commands all take `--quiet`, `--debug`, `--verbose` and `--log-file`.

    A command that prints progress or a summary declares `quiet: QuietOption` and obeys it; the other three
    are handled here and never reach the command's function. A library and a network that no option and no
    variable names are taken from `config.toml`.
    """

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Register a function as a command; arguments as for `typer.Typer.command`."""
        register = super().command(name, **settings)

        def decorate(function: Callable[..., None]) -> Callable[..., None]:
            register(_add_common_options(function))
            return function

        return decorate


def _add_common_options(function: Callable[..., None]) -> Callable[..., None]:
    signature = inspect.signature(function, eval_str=True)
    common = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in (
            ("quiet", QuietOption, False),
            ("verbose", _VerboseOption, False),
            ("log_file", _LogFileOption, None),
            ("debug", _DebugOption, False),
        )
        if name not in signature.parameters
    ]

    @functools.wraps(function)
    def run(*, debug: bool, verbose: bool, log_file: Path | None, **values: Any) -> None:
        from attune.core.log_setup import configure_logging

        configure_logging(verbose=verbose, log_file=log_file)
        for name, annotation in (("library", LibraryOption), ("network", NetworkOption)):
            parameter = signature.parameters.get(name)
            if parameter is not None and parameter.annotation == annotation and values[name] is None:
                values[name] = _read_from_config_file(name)
        try:
            function(**{name: values[name] for name in signature.parameters})
        except Exception:
            if debug:
                import traceback

                traceback.print_exc()
            raise

    parameters = [
        parameter.replace(annotation=_read_paths_lazily(parameter.annotation))
        for parameter in (*signature.parameters.values(), *common)
    ]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _read_paths_lazily(annotation: Any) -> Any:
    """Return the annotation of a parameter; if its values are paths or libraries, with a parser for them.

    Typer's own parser looks each path up on its disk, which may never reply, and knows no `file:` URI.
    """
    base, *details = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    if not details or not _mentions_path(base):
        return annotation
    info = copy.copy(details[0])
    if DatabaseAddress in get_args(base):
        info.parser = read_library_argument
        # Typer knows no unions, and would make a `Path` of whatever the parser of a path returns.
        return Annotated[str | None if type(None) in get_args(base) else str, info]
    info.parser = read_path_argument
    return Annotated[base, info]


def _read_from_config_file(name: str) -> Any:
    """Return a setting; without a `config.toml` this costs no import of pydantic."""
    from attune.core.paths import config_file

    if not config_file().exists():
        return None
    from attune.core.settings import load_settings

    return getattr(load_settings(), name)


def _mentions_path(annotation: Any) -> bool:
    return annotation is Path or any(map(_mentions_path, get_args(annotation)))
