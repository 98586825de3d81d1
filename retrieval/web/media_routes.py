"""Routes for items and their media, by id: lists, thumbnails, outlines, files and uploads."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import PurePath
from typing import Annotated, Final

from fastapi import APIRouter, File, Query, Request, UploadFile
from fastapi.responses import FileResponse
from starlette.responses import Response

from attune.core.errors import UsageError
from attune.core.reachability import find_missing
from attune.embedding.media_files import Kind
from attune.indexer.records import Item
from attune.retrieval.mood import estimate_moods
from attune.retrieval.response_models import ItemsModel, OutlineModel, UploadsModel
from attune.retrieval.web.http_errors import UnknownItem
from attune.retrieval.web.preview_cache import SIDES, Preview, stat_media_file
from attune.retrieval.web.references import ReferenceResolver, get_item
from attune.retrieval.web.serializers import item_version, serialize_item, serialize_mood
from attune.retrieval.web.service import Service

_CACHE_IMMUTABLE: Final = "private, max-age=31536000, immutable"
_CACHE_REVALIDATE: Final = "private, no-cache"
# Types that browsers open. Any other file is sent as plain bytes, so that no browser runs it.
# fmt: off
_MEDIA_TYPES: Final = {
    ".aac": "audio/aac", ".aif": "audio/aiff", ".aiff": "audio/aiff", ".avif": "image/avif",
    ".bmp": "image/bmp", ".flac": "audio/flac", ".gif": "image/gif", ".jpe": "image/jpeg",
    ".jpeg": "image/jpeg", ".jpg": "image/jpeg",
    ".m4a": "audio/mp4", ".m4b": "audio/mp4", ".mka": "audio/x-matroska", ".mp3": "audio/mpeg",
    ".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".png": "image/png", ".wav": "audio/wav",
    ".wave": "audio/wav", ".webp": "image/webp",
}
# fmt: on


def media_routes(service: Service) -> APIRouter:
    """Return the routes for items, their media and uploads."""
    router = APIRouter(tags=["media"])

    async def load_item(reference: str, kind: Kind | None = None) -> Item:
        def fetch() -> Item:
            with service.library_holder.use() as snapshot:
                return get_item(snapshot, reference)

        found = await service.query_pool.run(fetch)
        if kind is not None and found.kind != kind:
            raise UnknownItem(f"item {reference} is {found.kind}, not {kind}")
        return found

    @router.get("/items/{id}/thumbnail", response_class=Response)
    async def thumbnail(request: Request, id: str, side: int = SIDES[0], v: str | None = None) -> Response:
        """Return a picture as WebP, upright, with a long side of at most 480 (or 1600) pixels."""
        if side not in SIDES:
            raise UsageError(f"side {side}: the sides are {' and '.join(map(str, SIDES))}")
        found = await load_item(id, "image")
        preview = await service.previews.thumbnail(found, side)
        return _etag_response(request, preview, "image/webp", found, v)

    @router.get("/items/{id}/outline", responses={200: {"model": OutlineModel}})
    async def outline(request: Request, id: str, v: str | None = None) -> Response:
        """Return the peak level of each of up to 480 equal stretches of a song."""
        found = await load_item(id, "music")
        preview = await service.previews.outline(found)
        return _etag_response(request, _outline_json(preview), "application/json", found, v)

    @router.get("/items/{id}/media", response_class=FileResponse)
    async def media(request: Request, id: str, v: str | None = None) -> Response:
        """Return the file itself, or the requested byte ranges of it."""
        found = await load_item(id)
        status = await service.query_pool.run(lambda: stat_media_file(found.path))
        tag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        headers = {
            "ETag": tag,
            "Cache-Control": _cache_control(found, v),
            "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        }
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        kind = _MEDIA_TYPES.get(PurePath(found.path).suffix.lower(), "application/octet-stream")
        return FileResponse(found.path, headers=headers, media_type=kind, stat_result=status)

    _list_routes(service, router)
    _upload_routes(service, router)
    return router


def _list_routes(service: Service, router: APIRouter) -> None:
    @router.get("/items")
    async def items(
        kind: Annotated[Kind, Query()] = "music",
        q: Annotated[str, Query(max_length=200, description="Words of the path, title or artist.")] = "",
        shuffle: Annotated[int | None, Query(description="Seed: items at random instead.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 40,
    ) -> ItemsModel:
        """Search items by name, or choose some at random."""

        def fetch() -> ItemsModel:
            with service.library_holder.use() as snapshot:
                item_search = snapshot.item_search
                found = (
                    item_search.find(kind, q, limit)
                    if shuffle is None
                    else item_search.draw(kind, shuffle, limit)
                )
                missing = find_missing(item.path for item in found)
                return ItemsModel(
                    items=[serialize_item(item, missing=item.path in missing) for item in found]
                )

        return await service.query_pool.run(fetch)


def _upload_routes(service: Service, router: APIRouter) -> None:
    @router.post("/uploads")
    async def upload(
        file: Annotated[list[UploadFile], File(description="Pictures or songs.")],
    ) -> UploadsModel:
        """Analyse files for further queries. The files are removed, the analyses are kept for a while."""
        uploads = await service.upload_receiver.receive(file)

        def compute() -> UploadsModel:
            with service.library_holder.use() as snapshot:
                seeds = ReferenceResolver(snapshot, service.uploads)
                moods = estimate_moods(seeds, [upload.id for upload in uploads])
                analyses = [serialize_mood(*pair) for pair in zip(moods, uploads, strict=True)]
                return UploadsModel(uploads=analyses, kept_s=service.config.uploads.kept_s)

        return await service.query_pool.run(compute)

    @router.get("/uploads/{id}/thumbnail", response_class=Response)
    async def upload_thumbnail(request: Request, id: str) -> Response:
        """Return an uploaded picture as WebP."""
        return _etag_response(request, _get_upload_preview(service, id, "image"), "image/webp")

    @router.get("/uploads/{id}/outline", responses={200: {"model": OutlineModel}})
    async def upload_outline(request: Request, id: str) -> Response:
        """Return the outline of an uploaded song."""
        return _etag_response(
            request, _outline_json(_get_upload_preview(service, id, "music")), "application/json"
        )

    @router.delete("/uploads/{id}", status_code=204)
    async def forget(id: str) -> Response:
        """Remove an upload before it expires."""
        service.uploads.forget(id)
        return Response(status_code=204)


def _get_upload_preview(service: Service, reference: str, kind: Kind) -> Preview:
    upload = service.uploads.get(reference)
    if upload.kind != kind:
        raise UsageError(f"{reference} is {upload.kind}, not {kind}")
    return Preview(upload.preview, reference)


def _outline_json(outline: Preview) -> Preview:
    content = b'{"peaks":[' + ",".join(str(peak) for peak in outline.content).encode() + b"]}"
    return Preview(content, outline.tag)


def _etag_response(
    request: Request, preview: Preview, kind: str, item: Item | None = None, version: str | None = None
) -> Response:
    tag = f'"{preview.tag}"'
    headers = {
        "ETag": tag,
        "Cache-Control": _CACHE_REVALIDATE if item is None else _cache_control(item, version),
    }
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(preview.content, media_type=kind, headers=headers)


def _cache_control(item: Item, version: str | None) -> str:
    """Return how long a browser may cache a response: for ever if its address has the item's version."""
    return _CACHE_IMMUTABLE if version == item_version(item) else _CACHE_REVALIDATE
