"""The application: routes behind a guard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from attune.retrieval.web import errors
from attune.retrieval.web.access import Policy
from attune.retrieval.web.answers import API
from attune.retrieval.web.config import Config
from attune.retrieval.web.guard import Guard
from attune.retrieval.web.media_routes import media_routes
from attune.retrieval.web.page_routes import STATIC, page_routes, status_routes
from attune.retrieval.web.question_routes import question_routes
from attune.retrieval.web.schemas import ErrorShape
from attune.retrieval.web.service import Service


def create_app(config: Config) -> FastAPI:
    """Return the application; it opens the library when it starts and closes everything when it ends.

    Args:
        config: What the server was told.
    """
    service = Service(config)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Attune",
        description="Music and pictures by the emotion they share.",
        version=version("attune-affect"),
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # FastAPI's own pages load scripts from other hosts
        redoc_url=None,
        lifespan=lifespan,
        responses={"4XX": {"model": ErrorShape}, "5XX": {"model": ErrorShape}},
    )
    errors.install(app)
    app.include_router(page_routes(service))
    for router in (question_routes(service), media_routes(service), status_routes(service)):
        app.include_router(router, prefix=API)
    app.include_router(status_routes(service), include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(
        Guard,
        policy=Policy(config.hosts, config.addresses, config.token),
        body_bytes=config.uploads.bytes,
    )
    return app
