"""JSON documents of journeys: what `--json` prints, and what the HTTP API adds to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from attune.embedding.media_files import Kind
from attune.retrieval.journey import Journey, JourneyStep
from attune.retrieval.response_models import (
    ItemFields,
    ItemModel,
    LibraryModel,
    Place,
    QueryEntryModel,
)


class JourneyStepModel(QueryEntryModel):
    """One file of a journey."""

    rank: int = Field(description="Its number, from 1.")
    waypoint: Place = Field(description="The place on the line that it stands for.")
    step: float | None = Field(
        description="Distance of its place from that of the file before it; null for the first."
    )
    title: str | None
    artist: str | None
    taken: str | None = Field(description="When a picture was taken: ISO 8601, in the camera's local time.")
    rating: int | None = Field(description="Stars that somebody gave the file: 0 to 5, or -1 for rejected.")
    duration_s: float | None
    missing: bool = Field(description="Whether the file is not there now, or its disk does not reply.")


class JourneyModel(BaseModel):
    """A path through the library: its ends, its files in order, and how even it is."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)

    start: QueryEntryModel = Field(alias="from")
    end: QueryEntryModel = Field(alias="to")
    via: Sequence[QueryEntryModel] = Field(description="Places through which the line bends, in order.")
    kind: Kind
    steps: Sequence[JourneyStepModel]
    mean_step: float | None = Field(
        description="Mean distance between successive places; null for fewer than two files."
    )
    largest_step: float | None = Field(description="The largest of these distances.")
    library: LibraryModel
    elapsed_ms: Annotated[float, AfterValidator(lambda value: round(value, 1))]
    notes: list[str] = Field(
        description="What people should know, such as a part of the way where the library has nothing."
    )


class ItemJourneyStepModel(JourneyStepModel, ItemFields):
    """One file of a journey, with its item."""


class ItemJourneyModel(JourneyModel):
    """A path through the library: its ends, its items in order, and how even it is."""

    start: ItemModel = Field(alias="from")
    end: ItemModel = Field(alias="to")
    via: Sequence[ItemModel]
    steps: Sequence[ItemJourneyStepModel]


def journey_json(journey: Journey) -> dict[str, Any]:
    """Return the JSON document of `journey`."""
    models = [QueryEntryModel.model_validate(one) for one in (journey.start, *journey.via, journey.end)]
    fields = describe_journey(journey, models) | {"steps": [model_step(step) for step in journey.steps]}
    return JourneyModel.model_validate(fields).model_dump(by_alias=True)


def describe_journey(journey: Journey, line: Sequence[QueryEntryModel]) -> dict[str, Any]:
    """Return the fields of a journey's model without its steps.

    Args:
        journey: The journey.
        line: Models of its start, its bends and its end.
    """
    same = ("kind", "mean_step", "largest_step", "library", "elapsed_ms")
    fields = {name: getattr(journey, name) for name in same}
    return fields | {"from": line[0], "to": line[-1], "via": line[1:-1], "notes": list(journey.notes)}


def model_step(step: JourneyStep) -> JourneyStepModel:
    """Return a step as a model."""
    of_answer = ("rank", "path", "mood", "valence", "arousal", "place", "title", "artist", "taken")
    fields = {name: getattr(step.answer, name) for name in (*of_answer, "rating", "duration_s", "missing")}
    affect = step.answer.affect
    own = {"kind": step.answer.item.kind, "waypoint": step.waypoint, "step": step.step}
    return JourneyStepModel.model_validate(fields | own | {"polarity": affect, "quadrants": affect})
