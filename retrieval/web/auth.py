"""Access rules: decisions from the headers of one request, without side effects."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import urlsplit

COOKIE: Final = "attune_session"


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Rules for access to the server.

    Attributes:
        hosts: Names under which clients may address the server, in lower case.
        allow_ip_addresses: Whether clients may also use any IP address. An address is safe where an unknown
            name is not: somebody else's name server can point a name at this server (DNS rebinding).
        token: The token that every client must send; None: no token is needed.
    """

    hosts: frozenset[str]
    allow_ip_addresses: bool
    token: str | None

    def allows_host(self, host: str) -> bool:
        """Return whether a `Host` header names this server. Any port will do: a tunnel may change it."""
        name = host_name(host)
        if name is None:
            return False
        return name in self.hosts or (self.allow_ip_addresses and _is_address(name))

    def accepts_token(self, headers: Mapping[str, str]) -> bool:
        """Return whether a request carries the token as a bearer, or the cookie derived from it."""
        if self.token is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and compare_secrets(bearer.strip(), self.token):
            return True
        return compare_secrets(
            _read_session_cookie(headers.get("cookie", "")), derive_session_cookie(self.token)
        )


def host_name(host: str) -> str | None:
    """Return the name in a `Host` header, lower case, without port and brackets; None if it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises ValueError unless it is a number
        name = parts.hostname
    except ValueError:
        return None
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return name.rstrip(".")


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Return whether a page of another site makes the request.

    The browser says so by `Sec-Fetch-Site`, or by an `Origin` other than this server. An `Origin` that is
    malformed counts as another site.
    """
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
    except ValueError:
        return True


def derive_session_cookie(token: str) -> str:
    """Return the session cookie's value: a keyed hash, so that no browser stores the token itself."""
    return hmac.new(token.encode(), b"attune session", hashlib.sha256).hexdigest()


def compare_secrets(given: str, known: str) -> bool:
    """Compare a client's secret with the known one in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), known.encode())


def _read_session_cookie(header: str) -> str:
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True
