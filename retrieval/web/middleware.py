"""What stands before every route: refuses whom it must, and puts the safe headers on every answer."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune.retrieval.web.auth import AccessPolicy, is_cross_site
from attune.retrieval.web.http_errors import error_json

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
# The page itself holds nothing private: it asks for the token. The rest is what people own.
_PUBLIC_PREFIXES: Final = ("/static/",)
_PUBLIC_PATHS: Final = frozenset({"/", "/api", "/favicon.ico", "/healthz", "/api/v1/healthz"})


class SecurityMiddleware:
    """ASGI middleware: `Host`, origin, token, size of the body; then the headers.

    Args:
        app: What it stands before.
        policy: Who may ask.
        body_bytes: What a body may have at most.
    """

    def __init__(self, app: ASGIApp, policy: AccessPolicy, body_bytes: int) -> None:
        self._app = app
        self._policy = policy
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
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

        refusal = self._check_request(scope["path"], Headers(scope=scope))
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, self._limit_body(receive), send_with_headers)

    def _check_request(self, path: str, headers: Headers) -> Response | None:
        if not self._policy.allows_host(headers.get("host", "")):
            return _error_response(
                421, "foreign_host", "this server is not known under that name (see --allow-host)"
            )
        if is_cross_site(headers) and not _is_navigation(path, headers):
            return _error_response(403, "foreign_origin", "pages of other sites may not ask")
        if not _is_public(path) and not self._policy.accepts_token(headers):
            return _error_response(
                401, "token_missing", "this server asks for its token", {"WWW-Authenticate": "Bearer"}
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._body_bytes:
            return _error_response(413, "too_large", self._too_large_message())
        return None

    def _limit_body(self, receive: Receive) -> Receive:
        """Count a body that comes without a length."""
        received_bytes = 0

        async def receive_counting() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._body_bytes:
                raise HTTPException(413, self._too_large_message())  # parsers of forms let it through
            return message

        return receive_counting

    def _too_large_message(self) -> str:
        return f"more than {self._body_bytes / 1e6:g} MB: not taken"


def _is_public(path: str) -> bool:
    return path in _PUBLIC_PATHS or path.startswith(_PUBLIC_PREFIXES)


def _is_navigation(path: str, headers: Headers) -> bool:
    """Say whether somebody follows a link to a page: that may come from anywhere."""
    return _is_public(path) and headers.get("sec-fetch-mode") == "navigate" and "origin" not in headers


def _error_response(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(error_json(code, message), status, headers)
