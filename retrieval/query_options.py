"""Options of the query commands: those of a query, from its parameters, and those of the output."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from attune.core.errors import UsageError
from attune.core.paths import require_writable, spell_folders
from attune.retrieval.query_parameters import ParameterField, ParameterGroup, list_parameters, read_parameters

PathsOption = Annotated[bool, typer.Option("--paths", help="Print only the paths, one per line.")]
NulOption = Annotated[bool, typer.Option("-0", help="Print only the paths, each followed by a NUL byte.")]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write a self-contained web page.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Open the page in the browser.")]
M3uOption = Annotated[
    Path | None, typer.Option("--m3u", metavar="FILE", help="Also write a playlist with relative paths.")
]
PreviewOption = Annotated[
    bool | None,
    typer.Option(
        "--preview/--no-preview",
        help="Show small pictures in the table; the default where the terminal has colours.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """Form in which an answer is printed and written.

    Attributes:
        as_json: One JSON document.
        paths: Only paths, one per line.
        nul: Only paths, each followed by a NUL byte.
        html: Web page to write in addition.
        show: Open the page in the browser.
        m3u: Playlist to write in addition.
        preview: Small pictures in the table; None: where the terminal has colours.
        quiet: No lines on the fit, the library and the time below the table.
    """

    as_json: bool = False
    paths: bool = False
    nul: bool = False
    html: Path | None = None
    show: bool = False
    m3u: Path | None = None
    preview: bool | None = None
    quiet: bool = False

    @property
    def needs_page(self) -> bool:
        """Whether a web page is needed."""
        return self.html is not None or self.show

    def __post_init__(self) -> None:
        if sum((self.as_json, self.paths, self.nul)) > 1:
            raise UsageError("--json, --paths and -0 exclude one another")
        for option, path in (("--html", self.html), ("--m3u", self.m3u)):
            if path is not None:
                require_writable(option, path)


def with_query_options(*omitted: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that replaces a command's parameter group by one option for each parameter.

    Args:
        omitted: Fields of the group that the command does not offer; they keep their defaults.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        signature = inspect.signature(function, eval_str=True)
        (place,) = (one for one in signature.parameters.values() if _is_group(one.annotation))
        offered = [one for one in list_parameters(place.annotation) if one.field not in omitted]

        @functools.wraps(function)
        def run(**values: Any) -> None:
            given = {one.field: _read_option(one, values.pop(one.field)) for one in offered}
            function(**values, **{place.name: read_parameters(place.annotation, given, _option_name)})

        options = [one for at in signature.parameters.values() for one in _spread(at, place, offered)]
        run.__signature__ = signature.replace(parameters=options)  # type: ignore[attr-defined]
        return run

    return decorate


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, ParameterGroup)


def _spread(
    parameter: inspect.Parameter, place: inspect.Parameter, offered: Iterable[ParameterField]
) -> list[inspect.Parameter]:
    """Return a parameter of a command as it is, or the options in its place."""
    if parameter is not place:
        return [parameter]
    return [
        parameter.replace(name=one.field, default=one.default, annotation=_annotate_option(one))
        for one in offered
    ]


@functools.cache
def _annotate_option(parameter: ParameterField) -> Any:
    definition = parameter.definition
    value_type: Any = Path if definition.files else parameter.type
    if parameter.repeated:
        value_type = list[value_type]
    if parameter.default is None:
        value_type = value_type | None
    flags = [_option_name(definition.name), *([definition.short] if definition.short else [])]
    option = typer.Option(
        *flags, metavar=definition.metavar, min=definition.low, max=definition.high, help=definition.help
    )
    return Annotated[value_type, option]


def _read_option(parameter: ParameterField, value: Any) -> Any:
    """Return the value of an option, in which paths become text."""
    if value is None or parameter.definition.files is None:
        return value
    if parameter.definition.files == "file":
        return [str(path) for path in value]
    return spell_folders(value)


def _option_name(name: str) -> str:
    return f"--{name}"
