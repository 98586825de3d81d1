"""Route that tells what a sentence says, before anything is searched."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from attune.core.errors import UsageError
from attune.retrieval.query_parameters import MAX_TEXT
from attune.retrieval.response_models import SentenceModel
from attune.retrieval.web.service import Service
from attune.retrieval.words.targets import read_words


def words_routes(service: Service) -> APIRouter:
    """Return the route; sentences are read in the thread pool."""
    router = APIRouter(tags=["queries"])

    @router.get("/words")
    async def words(
        text: Annotated[str, Query(min_length=1, max_length=MAX_TEXT, description="A sentence.")],
    ) -> SentenceModel:
        """Tell how a sentence feels, and what it names that pictures or songs are known by."""

        if not text.strip():
            raise UsageError("text: describe a feeling or a thing")

        def compute() -> SentenceModel:
            with service.library_holder.use() as snapshot:
                return SentenceModel.model_validate(read_words(text, snapshot.network))

        return await service.query_pool.run(compute)

    return router
