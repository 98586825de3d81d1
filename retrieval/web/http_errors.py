"""What a client is told when a request fails, and with which status."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from attune.core.errors import AttuneError, LibraryError, MediaError, UsageError, escape_text


class UnknownItem(UsageError):  # noqa: N818 - reads as what it is
    """The library has nothing of that id, or its file has gone."""


class ExpiredUpload(UsageError):  # noqa: N818
    """An upload that is not remembered any more."""


class TooLarge(UsageError):  # noqa: N818
    """More bytes, files, pixels or seconds than are taken."""


class Busy(AttuneError):  # noqa: N818
    """More is being asked than is answered at a time."""


# The first that fits: status, and a word for programs.
_ERROR_STATUSES: tuple[tuple[type[AttuneError], int, str], ...] = (
    (UnknownItem, 404, "unknown_item"),
    (ExpiredUpload, 410, "forgotten"),
    (TooLarge, 413, "too_large"),
    (Busy, 503, "busy"),
    (LibraryError, 503, "no_library"),
    (MediaError, 422, "unusable_file"),
    (UsageError, 400, "bad_request"),
)


def error_json(code: str, message: str) -> dict[str, Any]:
    """Return the body of every refusal."""
    return {"error": {"code": code, "message": message}}


def install(app: FastAPI) -> None:
    """Make every error of the application one JSON form; nothing of a traceback leaves the server."""
    app.add_exception_handler(AttuneError, _handle_attune_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_error)
    app.add_exception_handler(Exception, _handle_unexpected_error)


def _handle_attune_error(_request: Request, error: Exception) -> JSONResponse:
    for kind, status, code in _ERROR_STATUSES:
        if isinstance(error, kind):
            message = error.reason if isinstance(error, MediaError) else str(error)
            headers = {"Retry-After": "2"} if status == 503 else None
            return JSONResponse(error_json(code, escape_text(message)), status, headers)
    return JSONResponse(error_json("failed", escape_text(str(error))), 500)


def _handle_validation_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse(error_json("bad_request", escape_text(f"{where}: {first['msg']}")), 422)


def _handle_http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(error.status_code, "refused")
    return JSONResponse(error_json(code, str(error.detail)), error.status_code, error.headers)


def _handle_unexpected_error(_request: Request, error: Exception) -> JSONResponse:
    return JSONResponse(error_json("failed", f"unexpected {type(error).__name__}; the server goes on"), 500)
