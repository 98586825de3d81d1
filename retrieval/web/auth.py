"""Who may ask: pure decisions about one request's headers."""

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
    """Who may ask.

    Attributes:
        hosts: Names under which clients may call the server, in lower case.
        allow_ip_addresses: Clients may also use any IP address: unlike a name, an address cannot be pointed
            at this server by somebody else's name server (DNS rebinding).
        token: What a client must know; None: nothing is asked.
    """

    hosts: frozenset[str]
    allow_ip_addresses: bool
    token: str | None

    def allows_host(self, host: str) -> bool:
        """Say whether a `Host` header names this server; any port is fine (a tunnel may change it)."""
        name = host_name(host)
        if name is None:
            return False
        return name in self.hosts or (self.allow_ip_addresses and _is_address(name))

    def accepts_token(self, headers: Mapping[str, str]) -> bool:
        """Say whether a request carries the token: as a bearer, or as the cookie that it was changed for."""
        if self.token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and compare_secrets(given.strip(), self.token):
            return True
        return compare_secrets(
            _read_session_cookie(headers.get("cookie", "")), derive_session_cookie(self.token)
        )


def host_name(host: str) -> str | None:
    """Return the name in a `Host` header, lower case, no port, no brackets; None if it makes no sense."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port  # raises where it is no number
        name = parts.hostname
    except ValueError:
        return None
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment:
        return None
    return name.rstrip(".")


def is_cross_site(headers: Mapping[str, str]) -> bool:
    """Say whether a browser asks for the page of another site: its word for it, or an `Origin` not ours."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def derive_session_cookie(token: str) -> str:
    """Return the cookie's value: the token itself is never stored in a browser."""
    return hmac.new(token.encode(), b"attune session", hashlib.sha256).hexdigest()


def compare_secrets(given: str, known: str) -> bool:
    """Compare in a time that tells nothing."""
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
