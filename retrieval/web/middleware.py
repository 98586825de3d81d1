"""Security middleware: checks each request before any route sees it, and sets the security headers."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune.retrieval.web.auth import AccessPolicy, is_cross_site
from attune.retrieval.web.http_errors import refuse

_CSP: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# The page itself is public, since it holds nothing private and asks the person for the token. Everything else
# shows the library and needs the token.
_PUBLIC_PREFIXES: Final = ("/static/",)
_PUBLIC_PATHS: Final = frozenset({"/", "/api", "/favicon.ico", "/healthz", "/api/v1/healthz"})


class SecurityMiddleware:
    """ASGI middleware that checks `Host`, origin, token and body size, and sets the security headers.

    Args:
        app: The application behind it.
        policy: Decides who may access the server.
        body_bytes: Maximum size of a request's body, in bytes.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy, body_bytes: int) -> None:
        self._app = app
        self._policy = policy
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse one request, or pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-cache" if _is_public(scope["path"]) else "no-store")
            await send(message)

        refusal = self._check_request(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, self._limit_body(receive), send_with_headers)

    def _check_request(self, scope: Scope) -> Response | None:
        path, headers = scope["path"], Headers(scope=scope)
        if not self._policy.allows_host(headers.get("host", "")):
            return refuse(
                scope, 421, "foreign_host", "this server is not known under that name (see --allow-host)"
            )
        if is_cross_site(headers) and not _is_navigation(path, headers):
            return refuse(scope, 403, "foreign_origin", "pages of other sites may not use this server")
        if not _is_public(path) and not self._policy.accepts_token(headers):
            return refuse(
                scope,
                401,
                "token_missing",
                "this server needs its token, which `attune serve` printed when it started",
                {"WWW-Authenticate": "Bearer"},
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._body_bytes:
            return refuse(scope, 413, "too_large", self._too_large_message())
        return None

    def _limit_body(self, receive: Receive) -> Receive:
        """Return a `receive` that also limits a body whose length the client did not announce."""
        received_bytes = 0

        async def receive_and_count() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._body_bytes:
                # The form parser passes an HTTPException on; any other error would become status 400.
                raise HTTPException(413, self._too_large_message())
            return message

        return receive_and_count

    def _too_large_message(self) -> str:
        return f"the request is larger than {self._body_bytes / 1e6:g} MB, the most that this server accepts"


def _is_public(path: str) -> bool:
    return path in _PUBLIC_PATHS or path.startswith(_PUBLIC_PREFIXES)


def _is_navigation(path: str, headers: Headers) -> bool:
    """Return whether the request follows a link to a public page; such links may be on any site."""
    return _is_public(path) and headers.get("sec-fetch-mode") == "navigate" and "origin" not in headers
