"""Request log: method, path, status and duration of each request, without query strings and secrets."""

from __future__ import annotations

import logging
import re
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune.core.errors import escape_text

# A logger of its own, so that the requests can be switched off while other records stay on.
logger = logging.getLogger("attune.retrieval.web.requests")
_MAX_PATH_LENGTH: Final = 200
# Whoever knows the id of an upload can query with it.
_UPLOAD_ID: Final = re.compile(r"/up-[^/]+")


class RequestLogMiddleware:
    """ASGI middleware that logs each request at level DEBUG once it has been answered.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on and log its outcome."""
        if scope["type"] != "http" or not logger.isEnabledFor(logging.DEBUG):
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status: int | None = None

        async def send_and_note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_status)
        finally:
            milliseconds = (time.perf_counter() - start) * 1000
            logger.debug("%s %s %.0f ms", describe_request(scope), status or "unanswered", milliseconds)


def describe_request(scope: Scope) -> str:
    """Return a request's method and path as one line of text for the log.

    The query string is left out, since it may hold the token or names of folders. Control characters are
    escaped, ids of uploads are hidden, and a long path is cut.
    """
    path = escape_text(_UPLOAD_ID.sub("/up-…", scope["path"]))
    return f"{scope['method']} {path[:_MAX_PATH_LENGTH]}"
