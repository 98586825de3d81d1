"""Cache of thumbnails and waveform outlines, which worker processes make, in a folder of limited size."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from attune.core.atomic_files import atomic_write
from attune.core.errors import escape_path
from attune.core.reachability import stat_with_timeout
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.embedding.decode_pool import DecodeService, Task
from attune.embedding.media_preview import ThumbnailTask, WaveformTask
from attune.indexer.records import Item
from attune.retrieval.web.http_errors import VanishedFile
from attune.retrieval.web.thread_pool import ThreadPool

logger = logging.getLogger(__name__)

SIDES = (480, 1600)
"""Long sides of thumbnails in pixels: one for the gallery, one for the whole screen."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview to send to a client.

    Attributes:
        content: A WebP image, or one byte per stretch of a song's outline.
        tag: Identifies the content, for the HTTP header `ETag`.
    """

    content: bytes
    tag: str


class PreviewCache:
    """Makes previews of items and keeps them.

    Args:
        folder: Where the previews are kept; if it cannot be written, they are made again each time.
        readers: The worker processes that decode the files.
        pool: Threads that wait for the readers.
    """

    def __init__(self, folder: Path, readers: DecodeService, pool: ThreadPool) -> None:
        self._folder = folder
        self._readers = readers
        self._pool = pool
        self._pending_previews: dict[str, asyncio.Task[Preview]] = {}
        self._write_failed = False

    async def thumbnail(self, item: Item, long_side: int) -> Preview:
        """Return a picture as WebP.

        Args:
            item: A picture of the library.
            long_side: Its longer side in pixels, one of `SIDES`.

        Raises:
            MediaError: The file is missing or cannot be decoded.
            Busy: Too many previews are waiting.
        """
        return await self._get(item, f"{long_side}", ThumbnailTask(Path(item.path), long_side))

    async def outline(self, item: Item) -> Preview:
        """Return the waveform outline of a song; raises the same errors as `thumbnail`."""
        return await self._get(item, "outline", WaveformTask(Path(item.path)))

    async def _get(self, item: Item, form: str, task: Task[bytes]) -> Preview:
        key = f"{form}\0{item.path}"
        if key not in self._pending_previews:
            render = asyncio.create_task(self._pool.run(lambda: self._load_or_render(item, form, task)))
            self._pending_previews[key] = render
            render.add_done_callback(lambda _: self._pending_previews.pop(key, None))
        # Shielded, because other requests may wait for the same preview when the first one is cancelled.
        return await asyncio.shield(self._pending_previews[key])

    def _load_or_render(self, item: Item, form: str, task: Task[bytes]) -> Preview:
        tag = _compute_etag(item.path, form)
        cached_file = self._folder / tag[:2] / tag
        with contextlib.suppress(OSError):
            content = cached_file.read_bytes()
            os.utime(cached_file)  # the cache is trimmed by time of last use
            return Preview(content, tag)
        content = self._readers.read(task, DEFAULT_BACKBONES)
        try:
            cached_file.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(cached_file) as temporary_path:
                temporary_path.write_bytes(content)
        except OSError as error:
            if not self._write_failed:  # one record, not one for each picture of a gallery
                logger.warning("%s: previews cannot be kept: %s", escape_path(self._folder), error.strerror)
            self._write_failed = True
        return Preview(content, tag)


def _compute_etag(path: str, form: str) -> str:
    """Return a tag that changes whenever the file does.

    Raises:
        VanishedFile: The file is not there now.
    """
    status = stat_media_file(path)
    identity = f"{form}\0{status.st_size}\0{status.st_mtime_ns}\0".encode() + os.fsencode(path)
    return hashlib.sha256(identity).hexdigest()[:32]


def stat_media_file(path: str) -> os.stat_result:
    """Return the file status of a media file.

    Raises:
        VanishedFile: It is not there now, is not a regular file any more, or its disk does not reply.
    """
    try:
        status = stat_with_timeout(path)
    except TimeoutError as error:
        raise VanishedFile(path, "its disk does not reply") from error
    except OSError as error:
        raise VanishedFile(path, "its file has gone since the index was built") from error
    if not stat.S_ISREG(status.st_mode):
        raise VanishedFile(path, "it is not a regular file any more")
    return status


def trim_cache(folder: Path, max_bytes: int) -> None:
    """Remove the least recently used files of a cache until it has at most `max_bytes` bytes."""
    files: list[tuple[float, int, Path]] = []
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):
            status = path.stat()
            files.append((status.st_mtime, status.st_size, path))
    total_bytes = sum(size for _, size, _ in files)
    failures: list[OSError] = []
    for _, size, path in sorted(files, key=lambda file: file[0]):
        if total_bytes <= max_bytes:
            break
        try:
            path.unlink(missing_ok=True)
            total_bytes -= size
        except OSError as error:
            failures.append(error)
    if failures:
        count = len(failures)
        logger.warning("%s: %d previews cannot be removed: %s", escape_path(folder), count, failures[0])
