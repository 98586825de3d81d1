"""Routes for searches: images, music, match, mood, browse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, File, Query, UploadFile

from attune.core.errors import UsageError
from attune.embedding.media_files import Kind
from attune.indexer.records import Item
from attune.retrieval.match import match
from attune.retrieval.mood import estimate_moods
from attune.retrieval.queries import browse, find_and_explain
from attune.retrieval.query_parameters import BrowseParameters, FindParameters
from attune.retrieval.response_models import ItemAnswersModel, ItemMatchModel, ItemMoodsModel
from attune.retrieval.web.params import (
    Likes,
    Offset,
    OptionalLikes,
    page_filters,
    query_parameters,
    require_few,
)
from attune.retrieval.web.references import ReferenceResolver
from attune.retrieval.web.serializers import serialize_answers, serialize_match, serialize_mood
from attune.retrieval.web.service import Service

Files = Annotated[list[UploadFile], File(description="Media files to search with; they are not kept.")]
ImageQuery = Annotated[FindParameters, Depends(query_parameters(FindParameters, "per_artist"))]
MusicQuery = Annotated[FindParameters, Depends(query_parameters(FindParameters, "taken"))]
BrowseQuery = Annotated[BrowseParameters, Depends(query_parameters(BrowseParameters))]


def query_routes(service: Service) -> APIRouter:
    """Return the routes; each search runs in the thread pool, on one generation from beginning to end."""
    router = APIRouter(tags=["queries"])

    async def ask(wanted: Kind, likes: Sequence[str], query: FindParameters, offset: int) -> ItemAnswersModel:
        def compute() -> ItemAnswersModel:
            if not likes and query.words is None:
                raise UsageError("say what to search with: like=ID, or words=TEXT")
            require_few(query)
            with service.library_holder.use() as snapshot:
                seeds = ReferenceResolver(snapshot, service.uploads)
                sources = [seeds.source(like) for like in likes]
                own = frozenset(source.id for source in sources if isinstance(source, Item))
                filters = replace(page_filters(query, offset), without=own)
                answers = find_and_explain(
                    snapshot.library, snapshot.network, seeds, likes, query, filters, wanted
                )
                return serialize_answers(answers, sources)

        return await service.query_pool.run(compute)

    @router.get("/images")
    async def images(query: ImageQuery, like: OptionalLikes = (), offset: Offset = 0) -> ItemAnswersModel:
        """Find the pictures whose emotion matches songs (or other pictures), or words."""
        return await ask("image", like, query, offset)

    @router.get("/music")
    async def music(query: MusicQuery, like: OptionalLikes = (), offset: Offset = 0) -> ItemAnswersModel:
        """Find the songs whose emotion matches pictures (or other songs), or words."""
        return await ask("music", like, query, offset)

    @router.post("/images")
    async def images_of_files(query: ImageQuery, like: Files, offset: Offset = 0) -> ItemAnswersModel:
        """Find the pictures whose emotion matches the uploaded files."""
        async with service.upload_receiver.receive_temporarily(like) as references:
            return await ask("image", references, query, offset)

    @router.post("/music")
    async def music_of_files(query: MusicQuery, like: Files, offset: Offset = 0) -> ItemAnswersModel:
        """Find the songs whose emotion matches the uploaded files."""
        async with service.upload_receiver.receive_temporarily(like) as references:
            return await ask("music", references, query, offset)

    @router.get("/browse")
    async def browse_plane(query: BrowseQuery, offset: Offset = 0) -> ItemAnswersModel:
        """List the items nearest to a point of the valence–arousal plane, a mood, or words."""

        def compute() -> ItemAnswersModel:
            require_few(query)
            filters = page_filters(query, offset)
            with service.library_holder.use() as snapshot:
                return serialize_answers(browse(snapshot.library, snapshot.network, query, filters), [])

        return await service.query_pool.run(compute)

    _match_and_mood_routes(service, router)
    return router


def _match_and_mood_routes(service: Service, router: APIRouter) -> None:
    async def compare(image: str, music: str) -> ItemMatchModel:
        def compute() -> ItemMatchModel:
            with service.library_holder.use() as snapshot:
                seeds = ReferenceResolver(snapshot, service.uploads)
                picture, song = seeds.source(image), seeds.source(music)
                if (picture.kind, song.kind) != ("image", "music"):
                    raise UsageError("image must be the id of a picture, and music the id of a song")
                return serialize_match(match(seeds, snapshot.network, image, music), picture, song)

        return await service.query_pool.run(compute)

    async def describe_moods(references: Sequence[str]) -> ItemMoodsModel:
        def compute() -> ItemMoodsModel:
            with service.library_holder.use() as snapshot:
                seeds = ReferenceResolver(snapshot, service.uploads)
                files = [
                    serialize_mood(mood, seeds.source(reference))
                    for mood, reference in zip(estimate_moods(seeds, references), references, strict=True)
                ]
                return ItemMoodsModel(files=files, network=snapshot.network.name)

        return await service.query_pool.run(compute)

    @router.get("/match")
    async def match_known(
        image: Annotated[str, Query(description="Id of a picture.")],
        music: Annotated[str, Query(description="Id of a song.")],
    ) -> ItemMatchModel:
        """Tell whether a picture and a song carry the same emotion, and why."""
        return await compare(image, music)

    @router.post("/match")
    async def match_files(
        image: Annotated[UploadFile, File(description="A picture.")],
        music: Annotated[UploadFile, File(description="A song.")],
    ) -> ItemMatchModel:
        """Tell whether an uploaded picture and song carry the same emotion, and why."""
        async with service.upload_receiver.receive_temporarily([image, music]) as references:
            return await compare(*references)

    @router.get("/mood")
    async def mood_known(like: Likes) -> ItemMoodsModel:
        """Estimate the emotion of items; for a song, its curve over time too."""
        return await describe_moods(like)

    @router.post("/mood")
    async def mood_files(like: Files) -> ItemMoodsModel:
        """Estimate the emotion of the uploaded files."""
        async with service.upload_receiver.receive_temporarily(like) as references:
            return await describe_moods(references)
