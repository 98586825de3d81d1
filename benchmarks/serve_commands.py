"""The command `attune benchmark serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from attune.core.common_options import CommandApp, JsonOption, LibraryOption
from attune.core.library_address import resolve_library

app = CommandApp()


@app.command("serve")
def serve_command(
    library: LibraryOption = None,
    rate: Annotated[float, typer.Option(min=1, max=1000, metavar="N", help="Queries per second.")] = 50.0,
    seconds: Annotated[float, typer.Option(min=2, max=600, metavar="S", help="Duration in seconds.")] = 60.0,
    as_json: JsonOption = False,
) -> None:
    """Time the web page and the API under load.

    The server listens on this machine's loopback address only.
    """
    from attune.benchmarks.server_load import measure
    from attune.benchmarks.speed_tables import print_serve
    from attune.core.console import print_json
    from attune.core.errors import AttuneError

    try:
        import psutil  # noqa: F401 - named here, before anything is measured
    except ModuleNotFoundError as error:
        raise AttuneError('this benchmark needs psutil: pip install "attune-affect[bench]"') from error
    document = measure(resolve_library(library), rate, seconds)
    if as_json:
        print_json(document)
    else:
        print_serve(document)
