"""Thumbnails and outlines: made once, in worker processes, kept in a folder that is cut back."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attune.core.atomic_files import atomic_write
from attune.core.errors import UnreachableMedia
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_service import DecodeService
from attune.embedding.decode_worker import Task
from attune.embedding.media_preview import ThumbnailTask, WaveformTask
from attune.indexer.records import Item
from attune.retrieval.web.thread_pool import ThreadPool

SIDES = (480, 1600)
"""Long sides of thumbnails: one for a gallery, one that fills a screen."""


@dataclass(frozen=True, slots=True)
class Preview:
    """Bytes to send, and the tag by which a client knows them again."""

    content: bytes
    tag: str


class PreviewCache:
    """Makes and keeps previews.

    Args:
        folder: Where they are kept; if it cannot be written, they are made again each time.
        readers: What decodes.
        pool: Threads that wait for the readers.
    """

    def __init__(self, folder: Path, readers: DecodeService, pool: ThreadPool) -> None:
        self._folder = folder
        self._readers = readers
        self._pool = pool
        self._pending_previews: dict[str, asyncio.Task[Preview]] = {}

    async def thumbnail(self, item: Item, long_side: int) -> Preview:
        """Return a picture as WebP.

        Raises:
            MediaError: Its file has gone or cannot be read.
        """
        return await self._get(item, f"{long_side}", ThumbnailTask(Path(item.path), long_side))

    async def outline(self, item: Item) -> Preview:
        """Return a song's outline; raises what `thumbnail` raises."""
        return await self._get(item, "outline", WaveformTask(Path(item.path)))

    async def _get(self, item: Item, form: str, task: Task[bytes]) -> Preview:
        key = f"{form}\0{item.path}"
        if key not in self._pending_previews:
            render = asyncio.create_task(self._pool.run(lambda: self._load_or_render(item, form, task)))
            self._pending_previews[key] = render
            render.add_done_callback(lambda _: self._pending_previews.pop(key, None))
        # Who asks first may leave: the others still wait for it.
        return await asyncio.shield(self._pending_previews[key])

    def _load_or_render(self, item: Item, form: str, task: Task[bytes]) -> Preview:
        tag = _compute_etag(item.path, form)
        cached_file = self._folder / tag[:2] / tag
        with contextlib.suppress(OSError):
            content = cached_file.read_bytes()
            os.utime(cached_file)  # what is looked at is kept longest
            return Preview(content, tag)
        content = self._readers.read(task, DEFAULT_BACKBONES)
        with contextlib.suppress(OSError):
            cached_file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(cached_file) as temporary_path:
                temporary_path.write_bytes(content)
        return Preview(content, tag)


def _compute_etag(path: str, form: str) -> str:
    """Return what changes whenever the file does.

    Raises:
        UnreachableMedia: The file has gone, or is no regular file any more.
    """
    status = stat_media_file(path)
    identity = f"{form}\0{status.st_size}\0{status.st_mtime_ns}\0".encode() + os.fsencode(path)
    return hashlib.sha256(identity).hexdigest()[:32]


def stat_media_file(path: str) -> os.stat_result:
    """Return the status of a media file.

    Raises:
        UnreachableMedia: It has gone, or is no regular file any more.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - asked of every picture
    except OSError as error:
        raise UnreachableMedia(path, "its file has gone since the index was built") from error
    if not stat.S_ISREG(status.st_mode):
        raise UnreachableMedia(path, "it is no regular file any more")
    return status


def trim_cache(folder: Path, most: int) -> None:
    """Remove the files of a cache that were not looked at for longest, until it has at most so many bytes."""
    files: list[tuple[float, int, Path]] = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in files)
    for _, size, path in sorted(files, key=_last_used):
        if total <= most:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def _last_used(file: tuple[Any, ...]) -> float:
    return float(file[0])
