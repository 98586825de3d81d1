"""Routes that ask: images, music, match, mood, browse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Query, UploadFile
from fastapi.responses import JSONResponse

from attune.core.errors import UsageError
from attune.embedding.media import Kind
from attune.retrieval.answer import browse, find
from attune.retrieval.match import match
from attune.retrieval.mood import moods
from attune.retrieval.query import Span
from attune.retrieval.results import Asked
from attune.retrieval.web.answers import answer_json, match_json, mood_json
from attune.retrieval.web.asking import Likes, Narrowed, Unlikes, narrowed, point, span
from attune.retrieval.web.receiving import received
from attune.retrieval.web.schemas import AnswerShape, MatchShape, MoodsShape
from attune.retrieval.web.seeds import ClientSeeds
from attune.retrieval.web.service import Service

Files = Annotated[list[UploadFile], File(description="Media files to ask with; they are not kept.")]


def question_routes(service: Service) -> APIRouter:
    """Return the routes; each question is computed in the pool, on one generation from beginning to end."""
    router = APIRouter(tags=["questions"])

    async def ask(
        wanted: Kind, likes: Sequence[str], unlikes: Sequence[str], part: Narrowed, heard: Span
    ) -> JSONResponse:
        def compute() -> dict[str, Any]:
            if not likes:
                raise UsageError("say what to ask with: like=ID")
            with service.shelf.use() as opened:
                seeds = ClientSeeds(opened, service.uploads)
                asked = [seeds.known(like) for like in likes]
                network, filters = opened.network, part.filters
                answer = find(opened.library, network, seeds, likes, filters, heard, unlikes, wanted=wanted)
                return answer_json(answer, asked, opened, part.offset, part.limit)

        return JSONResponse(await service.questions.run(compute))

    @router.get("/images", responses={200: {"model": AnswerShape}})
    async def images(
        part: Annotated[Narrowed, Depends(narrowed)],
        heard: Annotated[Span, Depends(span)],
        like: Likes,
        unlike: Unlikes = [],  # noqa: B006 - FastAPI copies it
    ) -> JSONResponse:
        """Find the pictures that feel like songs (or like other pictures)."""
        return await ask("image", like, unlike, part, heard)

    @router.get("/music", responses={200: {"model": AnswerShape}})
    async def music(
        part: Annotated[Narrowed, Depends(narrowed)],
        heard: Annotated[Span, Depends(span)],
        like: Likes,
        unlike: Unlikes = [],  # noqa: B006
    ) -> JSONResponse:
        """Find the songs that feel like pictures (or like other songs), each with its best moment."""
        return await ask("music", like, unlike, part, heard)

    @router.post("/images", responses={200: {"model": AnswerShape}})
    async def images_of_files(
        part: Annotated[Narrowed, Depends(narrowed)], heard: Annotated[Span, Depends(span)], like: Files
    ) -> JSONResponse:
        """Find the pictures that feel like the files that are sent."""
        async with received(service, like) as references:
            return await ask("image", references, [], part, heard)

    @router.post("/music", responses={200: {"model": AnswerShape}})
    async def music_of_files(
        part: Annotated[Narrowed, Depends(narrowed)], heard: Annotated[Span, Depends(span)], like: Files
    ) -> JSONResponse:
        """Find the songs that feel like the files that are sent."""
        async with received(service, like) as references:
            return await ask("music", references, [], part, heard)

    @router.get("/browse", responses={200: {"model": AnswerShape}})
    async def browse_plane(
        part: Annotated[Narrowed, Depends(narrowed)], at: Annotated[Asked, Depends(point)]
    ) -> JSONResponse:
        """List what lies near a point of the valence–arousal plane."""

        def compute() -> dict[str, Any]:
            with service.shelf.use() as opened:
                answer = browse(opened.library, opened.network, at, part.filters)
                return answer_json(answer, [], opened, part.offset, part.limit)

        return JSONResponse(await service.questions.run(compute))

    _verdict_routes(service, router)
    return router


def _verdict_routes(service: Service, router: APIRouter) -> None:
    async def judge(image: str, music: str) -> JSONResponse:
        def compute() -> dict[str, Any]:
            with service.shelf.use() as opened:
                seeds = ClientSeeds(opened, service.uploads)
                picture, song = seeds.known(image), seeds.known(music)
                if (picture.kind, song.kind) != ("image", "music"):
                    raise UsageError("image is the id of a picture, music that of a song")
                return match_json(match(seeds, opened.network, image, music), picture, song)

        return JSONResponse(await service.questions.run(compute))

    async def feel(references: Sequence[str]) -> JSONResponse:
        def compute() -> dict[str, Any]:
            with service.shelf.use() as opened:
                seeds = ClientSeeds(opened, service.uploads)
                known = [seeds.known(reference) for reference in references]
                felt = moods(seeds, references)
                files = [mood_json(mood, one) for mood, one in zip(felt, known, strict=True)]
                return {"files": files, "network": opened.network.name}

        return JSONResponse(await service.questions.run(compute))

    @router.get("/match", responses={200: {"model": MatchShape}})
    async def match_known(
        image: Annotated[str, Query(description="Id of a picture.")],
        music: Annotated[str, Query(description="Id of a song.")],
    ) -> JSONResponse:
        """Say whether a picture and a song carry the same emotion, and why."""
        return await judge(image, music)

    @router.post("/match", responses={200: {"model": MatchShape}})
    async def match_files(
        image: Annotated[UploadFile, File(description="A picture.")],
        music: Annotated[UploadFile, File(description="A song.")],
    ) -> JSONResponse:
        """Say whether a picture and a song that are sent carry the same emotion, and why."""
        async with received(service, [image, music]) as references:
            return await judge(*references)

    @router.get("/mood", responses={200: {"model": MoodsShape}})
    async def mood_known(like: Likes) -> JSONResponse:
        """Say what items feel like; for a song, the curve too."""
        return await feel(like)

    @router.post("/mood", responses={200: {"model": MoodsShape}})
    async def mood_files(like: Files) -> JSONResponse:
        """Say what the files that are sent feel like."""
        async with received(service, like) as references:
            return await feel(references)
