"""Route for journeys."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from attune.retrieval.journey import plan_journey, resolve_request
from attune.retrieval.journey_models import ItemJourneyModel
from attune.retrieval.journey_parameters import NOT_OF_JOURNEYS, JourneyParameters
from attune.retrieval.web.params import query_parameters
from attune.retrieval.web.references import ReferenceResolver
from attune.retrieval.web.serializers import serialize_journey
from attune.retrieval.web.service import Service

JourneyQuery = Annotated[JourneyParameters, Depends(query_parameters(JourneyParameters, *NOT_OF_JOURNEYS))]
_END = "an id, a mood such as calm, a place such as 0.5,-0.3, or words"


def journey_routes(service: Service) -> APIRouter:
    """Return the route; each journey is planned in the thread pool, on one generation."""
    router = APIRouter(tags=["queries"])

    @router.get("/journey")
    async def journey(
        query: JourneyQuery,
        start: Annotated[str, Query(alias="from", description=f"Where it begins: {_END}.")],
        end: Annotated[str, Query(alias="to", description=f"Where it ends: {_END}.")],
    ) -> ItemJourneyModel:
        """Find a path of songs or pictures from one mood to another, in even steps, none twice."""

        def compute() -> ItemJourneyModel:
            with service.library_holder.use() as snapshot:
                seeds = ReferenceResolver(snapshot, service.uploads)
                request = resolve_request(seeds, start, end, query)
                filters = query.make_filters(folder=None)
                found = plan_journey(snapshot.library, snapshot.network, request, filters)
                sources = [None if one.entry.path is None else seeds.source(one.text) for one in request.ends]
                return serialize_journey(found, sources)

        return await service.query_pool.run(compute)

    return router
