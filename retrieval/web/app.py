"""FastAPI application of `attune serve`: its routes, middleware and error handlers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from attune.retrieval.response_models import ErrorModel
from attune.retrieval.web import http_errors
from attune.retrieval.web.auth import AccessPolicy
from attune.retrieval.web.journey_routes import journey_routes
from attune.retrieval.web.media_routes import media_routes
from attune.retrieval.web.middleware import SecurityMiddleware
from attune.retrieval.web.page_routes import STATIC, page_routes, status_routes
from attune.retrieval.web.query_routes import query_routes
from attune.retrieval.web.request_log import RequestLogMiddleware
from attune.retrieval.web.serializers import API
from attune.retrieval.web.server_config import ServerConfig
from attune.retrieval.web.service import Service
from attune.retrieval.web.words_routes import words_routes


def create_app(config: ServerConfig) -> FastAPI:
    """Return the application, which opens the library when it starts and closes everything when it stops.

    Args:
        config: The server's configuration.
    """
    service = Service(config)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with service.lifespan():
            yield

    app = FastAPI(
        title="Attune",
        description="Music and pictures by the emotion they share.",
        version=version("attune-affect"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # FastAPI's own pages load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        responses={"4XX": {"model": ErrorModel}, "5XX": {"model": ErrorModel}},
    )
    app.include_router(page_routes(service))
    routes = query_routes, words_routes, journey_routes, media_routes, status_routes
    for router in (make_routes(service) for make_routes in routes):
        app.include_router(router, prefix=API)
    app.include_router(status_routes(service), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC))
    # A middleware that is added later stands in front of those that were added before.
    http_errors.install(app)
    app.add_middleware(
        SecurityMiddleware,
        policy=AccessPolicy(config.hosts, config.allow_ip_addresses, config.token),
        body_bytes=config.uploads.bytes,
    )
    app.add_middleware(RequestLogMiddleware)
    return app
