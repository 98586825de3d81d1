"""Routes for searches: images, music, match, mood, browse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Query, UploadFile
from fastapi.responses import JSONResponse

from attune.core.errors import UsageError
from attune.embedding.media_files import Kind
from attune.retrieval.match import match
from attune.retrieval.mood import estimate_moods
from attune.retrieval.queries import browse, find
from attune.retrieval.results import QueryEntry
from attune.retrieval.seeds import Span
from attune.retrieval.web.params import (
    Likes,
    SearchParams,
    Unlikes,
    read_point,
    read_search_params,
    read_span,
)
from attune.retrieval.web.references import ReferenceResolver
from attune.retrieval.web.response_models import AnswerModel, MatchModel, MoodsModel
from attune.retrieval.web.serializers import answer_json, match_json, mood_json
from attune.retrieval.web.service import Service

Files = Annotated[list[UploadFile], File(description="Media files to search with; they are not kept.")]


def query_routes(service: Service) -> APIRouter:
    """Return the routes; each search runs in the thread pool, on one generation from beginning to end."""
    router = APIRouter(tags=["queries"])

    async def ask(
        wanted: Kind, likes: Sequence[str], unlikes: Sequence[str], params: SearchParams, song_span: Span
    ) -> JSONResponse:
        def compute() -> dict[str, Any]:
            if not likes:
                raise UsageError("say what to search with: like=ID")
            with service.library_holder.use() as snapshot:
                resolver = ReferenceResolver(snapshot, service.uploads)
                references = [resolver.resolve(like) for like in likes]
                network, filters = snapshot.network, params.filters
                answer = find(
                    snapshot.library, network, resolver, likes, filters, song_span, unlikes, wanted=wanted
                )
                return answer_json(answer, references, snapshot, params.offset, params.limit)

        return JSONResponse(await service.query_pool.run(compute))

    @router.get("/images", responses={200: {"model": AnswerModel}})
    async def images(
        params: Annotated[SearchParams, Depends(read_search_params)],
        song_span: Annotated[Span, Depends(read_span)],
        like: Likes,
        unlike: Unlikes = [],  # noqa: B006 - FastAPI copies it
    ) -> JSONResponse:
        """Find the pictures whose emotion matches songs (or other pictures)."""
        return await ask("image", like, unlike, params, song_span)

    @router.get("/music", responses={200: {"model": AnswerModel}})
    async def music(
        params: Annotated[SearchParams, Depends(read_search_params)],
        song_span: Annotated[Span, Depends(read_span)],
        like: Likes,
        unlike: Unlikes = [],  # noqa: B006
    ) -> JSONResponse:
        """Find the songs whose emotion matches pictures (or other songs), each with its best moment."""
        return await ask("music", like, unlike, params, song_span)

    @router.post("/images", responses={200: {"model": AnswerModel}})
    async def images_of_files(
        params: Annotated[SearchParams, Depends(read_search_params)],
        song_span: Annotated[Span, Depends(read_span)],
        like: Files,
    ) -> JSONResponse:
        """Find the pictures whose emotion matches the uploaded files."""
        async with service.upload_receiver.receive_temporarily(like) as references:
            return await ask("image", references, [], params, song_span)

    @router.post("/music", responses={200: {"model": AnswerModel}})
    async def music_of_files(
        params: Annotated[SearchParams, Depends(read_search_params)],
        song_span: Annotated[Span, Depends(read_span)],
        like: Files,
    ) -> JSONResponse:
        """Find the songs whose emotion matches the uploaded files."""
        async with service.upload_receiver.receive_temporarily(like) as references:
            return await ask("music", references, [], params, song_span)

    @router.get("/browse", responses={200: {"model": AnswerModel}})
    async def browse_plane(
        params: Annotated[SearchParams, Depends(read_search_params)],
        query_point: Annotated[QueryEntry, Depends(read_point)],
    ) -> JSONResponse:
        """List the items nearest to a point of the valence–arousal plane."""

        def compute() -> dict[str, Any]:
            with service.library_holder.use() as snapshot:
                answer = browse(snapshot.library, snapshot.network, query_point, params.filters)
                return answer_json(answer, [], snapshot, params.offset, params.limit)

        return JSONResponse(await service.query_pool.run(compute))

    _match_and_mood_routes(service, router)
    return router


def _match_and_mood_routes(service: Service, router: APIRouter) -> None:
    async def compare(image: str, music: str) -> JSONResponse:
        def compute() -> dict[str, Any]:
            with service.library_holder.use() as snapshot:
                resolver = ReferenceResolver(snapshot, service.uploads)
                picture, song = resolver.resolve(image), resolver.resolve(music)
                if (picture.kind, song.kind) != ("image", "music"):
                    raise UsageError("image must be the id of a picture, and music the id of a song")
                return match_json(match(resolver, snapshot.network, image, music), picture, song)

        return JSONResponse(await service.query_pool.run(compute))

    async def describe_moods(references: Sequence[str]) -> JSONResponse:
        def compute() -> dict[str, Any]:
            with service.library_holder.use() as snapshot:
                resolver = ReferenceResolver(snapshot, service.uploads)
                items = [resolver.resolve(reference) for reference in references]
                item_moods = estimate_moods(resolver, references)
                files = [mood_json(mood, item) for mood, item in zip(item_moods, items, strict=True)]
                return {"files": files, "network": snapshot.network.name}

        return JSONResponse(await service.query_pool.run(compute))

    @router.get("/match", responses={200: {"model": MatchModel}})
    async def match_known(
        image: Annotated[str, Query(description="Id of a picture.")],
        music: Annotated[str, Query(description="Id of a song.")],
    ) -> JSONResponse:
        """Tell whether a picture and a song carry the same emotion, and why."""
        return await compare(image, music)

    @router.post("/match", responses={200: {"model": MatchModel}})
    async def match_files(
        image: Annotated[UploadFile, File(description="A picture.")],
        music: Annotated[UploadFile, File(description="A song.")],
    ) -> JSONResponse:
        """Tell whether an uploaded picture and song carry the same emotion, and why."""
        async with service.upload_receiver.receive_temporarily([image, music]) as references:
            return await compare(*references)

    @router.get("/mood", responses={200: {"model": MoodsModel}})
    async def mood_known(like: Likes) -> JSONResponse:
        """Estimate the emotion of items; for a song, its curve over time too."""
        return await describe_moods(like)

    @router.post("/mood", responses={200: {"model": MoodsModel}})
    async def mood_files(like: Files) -> JSONResponse:
        """Estimate the emotion of the uploaded files."""
        async with service.upload_receiver.receive_temporarily(like) as references:
            return await describe_moods(references)
