"""Everything that the routes share, opened and closed together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from anyio import to_thread

from attune.embedding.readers import Readers
from attune.retrieval.web.config import Config
from attune.retrieval.web.pool import Pool
from attune.retrieval.web.previews import Previews, cut_back
from attune.retrieval.web.shelf import Shelf
from attune.retrieval.web.uploads import Uploads

_WAITING_UPLOADS = 8
_WAITING_PREVIEWS = 256


class Service:
    """The library, the processes that read files, and the threads that compute.

    Args:
        config: What the server was told.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.shelf = Shelf(config.library, config.network)
        self.questions = Pool(config.threads, config.waiting)
        self._upload_readers = Readers(config.readers)
        # Thumbnails have processes of their own: ten minutes of music must not hold a gallery up.
        lookers = config.readers.model_copy(update={"workers": config.threads})
        self._preview_readers = Readers(lookers)
        self.upload_pool = Pool(config.readers.workers, _WAITING_UPLOADS)
        self.uploads = Uploads(config.uploads, self._upload_readers)
        self.previews = Previews(
            config.cache, self._preview_readers, Pool(lookers.workers, _WAITING_PREVIEWS)
        )

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve the newest generation until the block ends, then leave nothing behind."""
        await to_thread.run_sync(self.shelf.refresh)
        following = asyncio.create_task(self._follow())
        tidying = asyncio.create_task(
            to_thread.run_sync(cut_back, self.config.cache, self.config.cache_bytes)
        )
        try:
            yield
        finally:
            for task in (following, tidying):
                task.cancel()
            await to_thread.run_sync(self._close)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self.config.follow_s)
            await to_thread.run_sync(self.shelf.refresh)

    def _close(self) -> None:
        self.shelf.close()
        self.uploads.close()
        for readers in (self._upload_readers, self._preview_readers):
            readers.close()
