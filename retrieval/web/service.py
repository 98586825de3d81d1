"""Resources that all routes share, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from anyio import to_thread

from attune.core.errors import escape_path
from attune.embedding.decode_pool import DecodeService
from attune.retrieval.web.library_holder import LibraryHolder
from attune.retrieval.web.preview_cache import PreviewCache, trim_cache
from attune.retrieval.web.server_config import ServerConfig
from attune.retrieval.web.thread_pool import ThreadPool
from attune.retrieval.web.uploads import UploadReceiver, UploadStore

logger = logging.getLogger(__name__)
_WAITING_UPLOADS = 8
_WAITING_PREVIEWS = 256


class Service:
    """The library, the worker processes that decode files, and the threads that compute.

    Args:
        config: The server's configuration.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self.library_holder = LibraryHolder(config.library, config.network)
        self.query_pool = ThreadPool(config.threads, config.waiting)
        self._upload_readers = DecodeService(config.readers)
        self.uploads = UploadStore(config.uploads, self._upload_readers)
        upload_pool = ThreadPool(config.readers.workers, _WAITING_UPLOADS)
        self.upload_receiver = UploadReceiver(
            self.uploads, self.library_holder, upload_pool, config.uploads.files
        )
        # Thumbnails have their own processes, so that an upload of ten minutes of music delays no gallery.
        preview_settings = config.readers.model_copy(update={"workers": config.threads})
        self._preview_readers = DecodeService(preview_settings)
        self.previews = PreviewCache(
            config.cache, self._preview_readers, ThreadPool(preview_settings.workers, _WAITING_PREVIEWS)
        )

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Keep the newest generation in use until the block ends, then close everything."""
        await to_thread.run_sync(self.library_holder.refresh)
        background_tasks = [
            asyncio.create_task(self._poll_generations()),
            asyncio.create_task(self._trim_previews()),
        ]
        try:
            yield
        finally:
            for task in background_tasks:
                task.cancel()
            await to_thread.run_sync(self._close)

    async def _poll_generations(self) -> None:
        last_failure = ""
        while True:
            await asyncio.sleep(self.config.poll_interval_s)
            try:
                await to_thread.run_sync(self.library_holder.refresh)
                last_failure = ""
            except Exception as error:
                failure = repr(error)
                if failure == last_failure:  # one record for a failure that repeats every few seconds
                    continue
                last_failure = failure
                library = escape_path(self.config.library)
                logger.exception("%s: looking for a new generation failed; it is tried again", library)

    async def _trim_previews(self) -> None:
        try:
            await to_thread.run_sync(trim_cache, self.config.cache, self.config.cache_bytes)
        except Exception:
            logger.exception("%s: trimming the previews failed", escape_path(self.config.cache))

    def _close(self) -> None:
        self.library_holder.close()
        self.uploads.close()
        for readers in (self._upload_readers, self._preview_readers):
            readers.close()
