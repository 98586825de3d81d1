"""Routes of the web page, of its login and of the server's status."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse
from starlette.responses import Response

from attune.core.errors import AttuneError
from attune.core.exclusions import describe_exclusion
from attune.indexer.library import read_status
from attune.retrieval.mood_words import MOODS
from attune.retrieval.response_models import HealthModel, StatusModel
from attune.retrieval.web.auth import COOKIE, compare_secrets, derive_session_cookie
from attune.retrieval.web.service import Service

STATIC: Final = Path(__file__).with_name("static")
_MONTH_S: Final = 30 * 24 * 3600


def page_routes(service: Service) -> APIRouter:
    """Return the routes of the web page."""
    router = APIRouter(include_in_schema=False)
    token = service.config.token

    @router.get("/")
    async def page(request: Request) -> Response:
        client_token = request.query_params.get("token")
        if client_token is None:
            return FileResponse(STATIC / "index.html")
        response = RedirectResponse("/", status_code=303)  # removes the token from the address
        if token is not None and compare_secrets(client_token, token):
            _set_session_cookie(request, response, token)
        return response

    @router.get("/api")
    async def reference() -> Response:
        return FileResponse(STATIC / "api.html")

    @router.get("/favicon.ico")
    async def icon() -> Response:
        return FileResponse(STATIC / "icon.svg")

    return router


def status_routes(service: Service) -> APIRouter:
    """Return the routes for the status of the server and for its login."""
    router = APIRouter(tags=["server"])

    @router.get("/healthz")
    async def health() -> HealthModel:
        """Tell that the server is running, and which generation it uses."""
        return HealthModel(status="ok", generation=service.library_holder.generation)

    @router.get("/status")
    async def status() -> StatusModel:
        """Describe the library; the route works without one, too."""
        return await service.query_pool.run(lambda: StatusModel.model_validate(_read_status(service)))

    @router.post("/session", status_code=204)
    async def session(request: Request) -> Response:
        """Exchange the token, sent as a bearer, for a cookie: media elements cannot send headers."""
        response = Response(status_code=204)
        if service.config.token is not None:
            _set_session_cookie(request, response, service.config.token)
        return response

    return router


def _set_session_cookie(request: Request, response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE,
        derive_session_cookie(token),
        max_age=_MONTH_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _read_status(service: Service) -> dict[str, Any]:
    limits = service.config.uploads
    document = {
        "path": str(service.config.library),
        "moods": MOODS,
        "limits": {
            "bytes": limits.bytes,
            "files": limits.files,
            "pixels": limits.decode_limits.pixels,
            "seconds": limits.decode_limits.seconds,
        },
    }
    empty_fields = {"skipped": 0, "roots": [], "unreachable": [], "exclusions": [], "bytes": 0}
    empty_fields |= {"generation": 0, "images": 0, "music": 0}
    try:
        stored = read_status(service.config.library)
        with service.library_holder.use() as snapshot:
            generation = snapshot.library.generation
            return document | {
                "skipped": len(stored.skipped),
                "roots": [root.path for root in stored.roots],
                "unreachable": [root.path for root in stored.roots if root.unreachable],
                "exclusions": [describe_exclusion(one) for one in stored.exclusions],
                "bytes": stored.bytes,
                "generation": generation.id,
                "images": generation.images,
                "music": generation.music,
                "network": snapshot.network.name,
                "test": snapshot.network.test_figures,
                "problem": service.library_holder.problem,
            }
    except AttuneError as error:
        return document | empty_fields | {"network": None, "test": None, "problem": str(error)}
