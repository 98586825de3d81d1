"""The command `attune serve`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Annotated

import typer

from attune.core.common_options import CommandApp, LibraryOption, NetworkOption, QuietOption
from attune.core.errors import AttuneError, UsageError, escape_path
from attune.core.library_address import resolve_library

if TYPE_CHECKING:
    import socket

app = CommandApp()

_MIN_TOKEN_LENGTH = 16
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@app.command("serve")
def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; any other than loopback requires a token."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port; 0: any free one.")
    ] = 8750,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="ATTUNE_TOKEN",
            metavar="TEXT",
            help="Access token that clients must send; generated and printed if one is needed.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="Host name under which clients may reach the server; may be repeated.",
        ),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    library: LibraryOption = None,
    network: NetworkOption = None,
    quiet: QuietOption = False,
) -> None:
    """Serve the web page and the HTTP API on this machine."""
    try:
        import uvicorn

        from attune.retrieval.web.app import create_app
    except ModuleNotFoundError as error:
        raise AttuneError('the page needs its extra: pip install "attune-affect[web]"') from error
    from attune.core.console import stderr_console
    from attune.core.paths import default_cache
    from attune.retrieval.web.server_config import ServerConfig

    needs_token = token is None and not (_is_loopback(host) and not allow_host)
    token = _choose_token(token, needed=needs_token)
    resolved = resolve_library(library)
    config = ServerConfig(
        library=resolved,
        cache=default_cache() / "previews",
        network=network,
        hosts=_list_host_names(host, allow_host or []),
        allow_ip_addresses=not _is_loopback(host),
        token=token,
    )
    with _open_listener(host, port) as listener:
        address = f"http://{_format_url_host(host)}:{listener.getsockname()[1]}/"
        secret = "" if token is None else f"?token={token}"
        if needs_token or not quiet:  # a token that was made is known to nobody else
            stderr_console().print(f"Library {escape_path(resolved)}\nOpen {address}{secret}   (Ctrl-C ends)")
        if open_page:
            import webbrowser

            webbrowser.open(address + secret)
        settings = uvicorn.Config(
            create_app(config),
            log_config=None,  # `configure_logging` has set up its loggers
            access_log=False,  # addresses may hold what is private
            server_header=False,
            proxy_headers=False,
            limit_concurrency=256,
            timeout_graceful_shutdown=3,
        )
        try:
            uvicorn.Server(settings).run(sockets=[listener])
        except KeyboardInterrupt:
            return


def _open_listener(host: str, port: int) -> socket.socket:
    import socket

    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=512)
    except OSError as error:
        raise AttuneError(
            f"{host} port {port}: cannot listen there ({error.strerror}); try another --host or --port"
        ) from error


def _choose_token(given: str | None, *, needed: bool) -> str | None:
    import secrets

    if given is not None and (
        len(given) < _MIN_TOKEN_LENGTH or not given.isascii() or not given.isprintable()
    ):
        raise UsageError(f"--token: at least {_MIN_TOKEN_LENGTH} plain characters, so that nobody guesses it")
    return given or (secrets.token_urlsafe(24) if needed else None)


def _list_host_names(host: str, allowed: list[str]) -> frozenset[str]:
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


def _format_url_host(host: str) -> str:
    """Return a host as it stands in an address that a browser can open."""
    import socket

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return socket.gethostname()
    return f"[{host}]" if address.version == 6 else host
