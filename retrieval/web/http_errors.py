"""Error responses: the status code and JSON body of each kind of failure, and its log record."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from attune.core.errors import (
    AttuneError,
    LibraryError,
    MediaError,
    UnreachableMedia,
    UsageError,
    escape_text,
)
from attune.retrieval.web.request_log import describe_request

logger = logging.getLogger(__name__)


class UnknownItem(UsageError):  # noqa: N818 - named after the condition
    """The library has no item with this id, or none of the requested kind."""


class VanishedFile(UnreachableMedia):
    """The library has the item, but its file is not there now, or its disk does not reply."""


class ExpiredUpload(UsageError):  # noqa: N818
    """The upload is no longer stored, or was analysed with another network's backbones."""


class TooLarge(UsageError):  # noqa: N818
    """The request has more files than the server accepts."""


class Busy(AttuneError):  # noqa: N818
    """Too many requests are being computed or waiting."""


# The first class that matches an error gives its status and the code that client programs read.
_ERROR_STATUSES: tuple[tuple[type[AttuneError], int, str], ...] = (
    (UnknownItem, 404, "unknown_item"),
    (ExpiredUpload, 410, "forgotten"),
    (TooLarge, 413, "too_large"),
    (Busy, 503, "busy"),
    (LibraryError, 503, "no_library"),
    (VanishedFile, 404, "missing_file"),
    (MediaError, 422, "unusable_file"),
    (UsageError, 400, "bad_request"),
)


def install(app: FastAPI) -> None:
    """Make the application answer every error in one JSON form that shows no internals, and log it."""
    app.add_exception_handler(AttuneError, _handle_attune_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_middleware(UnexpectedErrorMiddleware)


def refuse(
    scope: Scope, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """Return the response to a request that is refused, and log the refusal at level INFO.

    The log record holds no message: messages may repeat what the client sent, such as names of files.

    Args:
        scope: The request's ASGI scope.
        status: HTTP status.
        code: The kind of error, for client programs.
        message: One sentence for people.
        headers: Further response headers.
    """
    logger.info("%s refused: %d %s", describe_request(scope), status, code)
    return JSONResponse(error_json(code, message), status, headers)


def error_json(code: str, message: str) -> dict[str, Any]:
    """Return the JSON body of an error response."""
    return {"error": {"code": code, "message": message}}


class UnexpectedErrorMiddleware:
    """ASGI middleware that answers an unexpected error with status 500 and logs its traceback.

    It stands behind `SecurityMiddleware`, so that these responses carry the security headers too. Starlette's
    own handler for unexpected errors stands in front of all middleware.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on; answer for it if it fails."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        response_started = False

        async def send_and_note_start(message: Message) -> None:
            nonlocal response_started
            response_started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note_start)
        except Exception as error:
            logger.exception("%s failed", describe_request(scope))
            if response_started:
                return  # the server closes the connection, so that the client sees an incomplete response
            message = f"the server could not answer ({type(error).__name__}); its log has the details"
            await JSONResponse(error_json("failed", message), 500)(scope, receive, send)


def _handle_attune_error(request: Request, error: Exception) -> JSONResponse:
    for error_class, status, code in _ERROR_STATUSES:
        if isinstance(error, error_class):
            message = error.reason if isinstance(error, MediaError) else str(error)
            headers = {"Retry-After": "2"} if status == 503 else None
            return refuse(request.scope, status, code, escape_text(message), headers)
    logger.error("%s failed", describe_request(request.scope), exc_info=error)
    return JSONResponse(error_json("failed", escape_text(str(error))), 500)


def _handle_validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first_error = error.errors()[0]
    parameter = ".".join(str(part) for part in first_error["loc"][1:])
    return refuse(request.scope, 422, "bad_request", escape_text(f"{parameter}: {first_error['msg']}"))


def _handle_http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "refused")
    return refuse(request.scope, error.status_code, code, str(error.detail), error.headers)
