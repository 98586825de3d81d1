"""Where a library is kept: in a folder, or in a database on a PostgreSQL server."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from attune.core.errors import UsageError
from attune.core.paths import default_library, read_path_argument

_POSTGRESQL = re.compile(r"(?i:\s*postgres(?:ql)?://)")
_NO_LIBRARY = re.compile(r"(?i:\s*(?P<scheme>(?!file:)[a-z][a-z0-9+.-]+://|postgres(?:ql)?:))")
_ADDRESS = re.compile(r"(?s:postgresql://(?P<authority>[^/?]*)(?:/(?P<database>[^?]*))?(?:\?(?P<query>.*))?)")
_HOST = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
_STRAY_PERCENT = re.compile(r"%(?!(?!00)[0-9A-Fa-f]{2})")
_SECRETS = frozenset({"password", "sslpassword", "oauth_client_secret"})  # parameters of libpq
_FORM = "postgresql://USER@HOST/DATABASE"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A library in a PostgreSQL database.

    Attributes:
        url: A connection URI as libpq reads it, which begins with `postgresql://`. It names a database or a
            service and holds no password, so that it may be shown to people and written to logs.

    Raises:
        UsageError: The URI is another one.
    """

    url: str

    def __post_init__(self) -> None:
        _check(self.url)

    def __str__(self) -> str:
        return self.url


LibraryAddress = Path | DatabaseAddress


def read_library_argument(text: str | os.PathLike[str] | DatabaseAddress) -> LibraryAddress:
    """Return the library that an argument, a variable or a setting names; neither disk nor server is asked.

    Args:
        text: A folder as for `read_path_argument`, or a URI that begins with `postgresql://` or
            `postgres://`; an address that was read before is returned as it is.

    Raises:
        UsageError: The URI holds a password, names no database or is not well formed, or it is of another
            kind. The text of the error holds nothing of the URI but its scheme.
    """
    if isinstance(text, Path | DatabaseAddress):
        return text
    text = os.fspath(text)
    found = _POSTGRESQL.match(text)
    if found is not None:
        return DatabaseAddress(f"postgresql://{text[found.end() :].rstrip()}")
    other = _NO_LIBRARY.match(text)
    if other is not None:
        raise UsageError(f"{other['scheme']}… is not a library: name a folder, or {_FORM}")
    return read_path_argument(text)


def resolve_library(option: LibraryAddress | None) -> LibraryAddress:
    """Return the library that was named, a folder as an absolute path; without one, the user's own."""
    if option is None:
        return default_library()
    return option.absolute() if isinstance(option, Path) else option


def _check(url: str) -> None:
    """Raise a UsageError about a URI that is not the address of a library.

    No message quotes the URI: what stands in the wrong place may be a password.
    """
    parts = _ADDRESS.fullmatch(url)
    if parts is None:
        raise UsageError(f"not the address of a library in a database: it has the form {_FORM}")
    authority, database, query = (
        (part or "").strip() for part in parts.group("authority", "database", "query")
    )
    parameters = dict(_split_parameter(parameter) for parameter in query.split("&"))
    user, _, hosts = authority.rpartition("@")
    if ":" in user or any(name.lower() in _SECRETS for name in parameters):
        raise UsageError(
            "the library's address holds a password, which others can read in the list of processes: leave "
            "the password out; libpq takes it from PGPASSWORD, ~/.pgpass or a service file"
        )
    if "@" in user + database + query:
        raise UsageError(
            "the library's address holds an @ within a name: write it as %40, and leave a password out"
        )
    if not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise UsageError(
            "the library's address has a port that is not a number, or an IPv6 address without brackets: "
            f"it has the form {_FORM}, or postgresql://USER@[::1]:5432/DATABASE"
        )
    if not url.isprintable() or _STRAY_PERCENT.search(url) or not _is_utf8(url):
        raise UsageError(
            "the library's address holds a % or a character that cannot be printed: write it in "
            "percent-encoding of UTF-8, a % as %25"
        )
    if not (database or parameters.get("dbname") or parameters.get("service")):
        raise UsageError(f"the library's address names no database: it has the form {_FORM}")


def _is_utf8(url: str) -> bool:
    try:
        unquote(url, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _split_parameter(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return unquote(name).strip(), value.strip()
