"""Options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

LibraryOption = Annotated[
    Path | None,
    typer.Option(
        "--library", metavar="DIR", envvar="ATTUNE_LIBRARY", help="The library's folder.", show_default=False
    ),
]
NetworkOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME|DIR",
        help="A shipped network by name, or a folder that `attune train` wrote.",
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no summary.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=256, help="Processes that read files; one a core by default."),
]
DeviceOption = Annotated[
    Literal["auto", "cpu", "cuda"],
    typer.Option(help="Where backbones run; `auto`: on a GPU that ONNX Runtime can use."),
]


def library_folder(option: Path | None) -> Path:
    """Return the library that was named, or the user's own; absolute."""
    if option is not None:
        return option.absolute()
    from attune.core.settings import default_library

    return default_library()
