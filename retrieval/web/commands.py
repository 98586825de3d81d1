"""The command that opens the page: serve."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.errors import AttuneError, UsageError, printable
from attune.core.options import DebugOption, LibraryOption, NetworkOption, QuietOption, library_folder

if TYPE_CHECKING:
    import socket

app = typer.Typer()

_LEAST_TOKEN = 16
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@app.command("serve")
def serve(
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on; other than loopback asks for a token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: any that is free.")] = 8750,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="ATTUNE_TOKEN",
            metavar="TEXT",
            help="What clients must know. Where one is needed and none is given, one is made and printed.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name clients may call it by; may be repeated."),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
    debug: DebugOption = False,  # noqa: ARG001 - read by the error ladder
) -> None:
    """Serve a page to look and listen, and an HTTP API, on this machine."""
    try:
        import uvicorn

        from attune.retrieval.web.app import create_app
    except ModuleNotFoundError as error:
        raise AttuneError('the page needs its extra: pip install "attune-affect[web]"') from error
    from attune.core.settings import default_cache
    from attune.core.terminal import err
    from attune.retrieval.web.config import Config

    made = token is None and not (_is_loopback(host) and not allow_host)
    token = _token(token, needed=made)
    folder = library_folder(library)
    config = Config(
        library=folder,
        cache=default_cache() / "previews",
        network=network,
        hosts=_names(host, allow_host or []),
        addresses=not _is_loopback(host),
        token=token,
    )
    with _listening(host, port) as listening:
        address = f"http://{_shown(host)}:{listening.getsockname()[1]}/"
        secret = "" if token is None else f"?token={token}"
        if made or not quiet:  # a token that was made is known to nobody else
            err().print(f"Library {printable(folder)}\nOpen {address}{secret}   (Ctrl-C ends)")
        if open_page:
            import webbrowser

            webbrowser.open(address + secret)
        settings = uvicorn.Config(
            create_app(config),
            log_level="warning",
            access_log=False,  # addresses may hold what is private
            server_header=False,
            proxy_headers=False,
            limit_concurrency=256,
            timeout_graceful_shutdown=3,
        )
        try:
            uvicorn.Server(settings).run(sockets=[listening])
        except KeyboardInterrupt:
            return


def _listening(host: str, port: int) -> socket.socket:
    import socket

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise AttuneError(
            f"{host} port {port}: cannot listen there ({error.strerror}); try another --host or --port"
        ) from error


def _token(given: str | None, *, needed: bool) -> str | None:
    import secrets

    if given is not None and (len(given) < _LEAST_TOKEN or not given.isascii() or not given.isprintable()):
        raise UsageError(f"--token: at least {_LEAST_TOKEN} plain characters, so that nobody guesses it")
    return given or (secrets.token_urlsafe(24) if needed else None)


def _names(host: str, allowed: list[str]) -> frozenset[str]:
    """Return the names clients may call the server by; where it is not alone, the machine's own too."""
    import socket

    names = {name.lower().rstrip(".") for name in allowed} | _LOOPBACK | {host.lower()}
    if not _is_loopback(host):
        own = socket.gethostname().lower()
        names |= {own, own.partition(".")[0], f"{own.partition('.')[0]}.local"}
    return frozenset(names)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(host: str) -> str:
    """Return a host as it stands in an address that a browser can open."""
    import socket

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if address.version == 6 else host
