"""Everything that the routes share, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from anyio import to_thread

from attune.embedding.decode_service import DecodeService
from attune.retrieval.web.library_holder import LibraryHolder
from attune.retrieval.web.preview_cache import PreviewCache, trim_cache
from attune.retrieval.web.server_config import Config
from attune.retrieval.web.thread_pool import ThreadPool
from attune.retrieval.web.uploads import UploadStore

_WAITING_UPLOADS = 8
_WAITING_PREVIEWS = 256


class Service:
    """The library, the processes that read files, and the threads that compute.

    Args:
        config: What the server was told.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.library_holder = LibraryHolder(config.library, config.network)
        self.query_pool = ThreadPool(config.threads, config.waiting)
        self._upload_readers = DecodeService(config.readers)
        # Thumbnails have processes of their own: ten minutes of music must not hold a gallery up.
        preview_settings = config.readers.model_copy(update={"workers": config.threads})
        self._preview_readers = DecodeService(preview_settings)
        self.upload_pool = ThreadPool(config.readers.workers, _WAITING_UPLOADS)
        self.uploads = UploadStore(config.uploads, self._upload_readers)
        self.previews = PreviewCache(
            config.cache, self._preview_readers, ThreadPool(preview_settings.workers, _WAITING_PREVIEWS)
        )

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Serve the newest generation until the block ends, then leave nothing behind."""
        await to_thread.run_sync(self.library_holder.refresh)
        refresh_task = asyncio.create_task(self._poll_generations())
        cleanup_task = asyncio.create_task(
            to_thread.run_sync(trim_cache, self.config.cache, self.config.cache_bytes)
        )
        try:
            yield
        finally:
            for task in (refresh_task, cleanup_task):
                task.cancel()
            await to_thread.run_sync(self._close)

    async def _poll_generations(self) -> None:
        while True:
            await asyncio.sleep(self.config.poll_interval_s)
            await to_thread.run_sync(self.library_holder.refresh)

    def _close(self) -> None:
        self.library_holder.close()
        self.uploads.close()
        for readers in (self._upload_readers, self._preview_readers):
            readers.close()
