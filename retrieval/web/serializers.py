"""Models of the HTTP API: those of the commands, with ids, names, sizes and addresses of media added."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from attune.core.errors import escape_path
from attune.indexer.records import Item
from attune.retrieval.answers import Answer, Answers, QueryEntry
from attune.retrieval.journey import Journey
from attune.retrieval.journey_models import ItemJourneyModel, describe_journey, model_step
from attune.retrieval.match import Match
from attune.retrieval.mood import Mood
from attune.retrieval.response_models import (
    AnswerModel,
    ItemAnswerModel,
    ItemAnswersModel,
    ItemMatchModel,
    ItemModel,
    ItemMoodModel,
    QueryEntryModel,
    model_match,
    model_mood,
)
from attune.retrieval.web.uploads import Upload

API = "/api/v1"


def serialize_answers(answers: Answers, sources: Sequence[Item | Upload]) -> ItemAnswersModel:
    """Return answers as a model.

    Args:
        answers: The answers.
        sources: The items and uploads of the query; empty for a point of the affect plane.
    """
    if sources:
        query = [serialize_entry(entry, of) for entry, of in zip(answers.query, sources, strict=True)]
    else:
        query = [_serialize_point(point) for point in answers.query]
    return ItemAnswersModel.model_validate(
        {
            "query": query,
            "results": [_serialize_answer(answer) for answer in answers.results],
            "library": answers.library,
            "elapsed_ms": answers.elapsed_ms,
            "notes": list(answers.notes),
            "words": answers.words,
        }
    )


def serialize_journey(journey: Journey, sources: Sequence[Item | Upload | None]) -> ItemJourneyModel:
    """Return a journey as a model.

    Args:
        journey: The journey.
        sources: The item or upload of its start, of each bend, and of its end; None for a place.
    """
    entries = (journey.start, *journey.via, journey.end)
    line = [
        _serialize_point(entry) if source is None else serialize_entry(entry, source)
        for entry, source in zip(entries, sources, strict=True)
    ]
    steps = [dict(model_step(step)) | _item_fields(step.answer.item) for step in journey.steps]
    return ItemJourneyModel.model_validate(describe_journey(journey, line) | {"steps": steps})


def serialize_match(match: Match, image: Item | Upload, music: Item | Upload) -> ItemMatchModel:
    """Return a comparison of an image and a song as a model."""
    model = model_match(match)
    return ItemMatchModel.model_validate(
        dict(model)
        | {
            "image": serialize_entry(match.image, image),
            "music": dict(serialize_entry(match.music, music)) | {"moment": model.music.moment},
        }
    )


def serialize_mood(mood: Mood, source: Item | Upload) -> ItemMoodModel:
    """Return the estimated emotion of an item or upload as a model."""
    return ItemMoodModel.model_validate(dict(model_mood(mood)) | _item_fields(source))


def serialize_entry(entry: QueryEntry, source: Item | Upload) -> ItemModel:
    """Return a file of a query as a model; an item of the library with the affect of the whole file."""
    if isinstance(source, Item):
        return serialize_item(source, missing=entry.missing)
    return _serialize_file(entry, source)


def serialize_item(item: Item, *, missing: bool) -> ItemModel:
    """Return an item of the library as a model.

    Args:
        item: The item.
        missing: Whether its file is not there now.
    """
    return _serialize_file(QueryEntry.from_affect(item.path, item.kind, item.affect, missing=missing), item)


def item_version(item: Item) -> str:
    """Return a hash that differs for items of the same id in different libraries, for browser caches."""
    identity = f"{item.feature_row} {item.affect} {item.width} {item.height} {item.duration_s}".encode()
    return hashlib.blake2s(identity + os.fsencode(item.path), digest_size=6).hexdigest()


def _serialize_answer(answer: Answer) -> ItemAnswerModel:
    alike = [escape_path(path) for path in answer.alike]
    return ItemAnswerModel.model_validate(
        dict(AnswerModel.model_validate(answer)) | _item_fields(answer.item) | {"alike": alike}
    )


def _serialize_file(entry: QueryEntry, source: Item | Upload) -> ItemModel:
    return ItemModel.model_validate(dict(QueryEntryModel.model_validate(entry)) | _item_fields(source))


def _serialize_point(point: QueryEntry) -> ItemModel:
    empty = dict.fromkeys(("id", "title", "artist", "duration_s", "width", "height", "thumbnail", "media"))
    name = f"{point.valence:+.2f}, {point.arousal:+.2f}"
    return ItemModel.model_validate(dict(QueryEntryModel.model_validate(point)) | empty | {"name": name})


def _item_fields(source: Item | Upload) -> dict[str, Any]:
    """Return the fields of `ItemFields` and the path, escaped, so that it is text."""
    fields = {
        name: getattr(source, name) for name in ("kind", "title", "artist", "duration_s", "width", "height")
    }
    if isinstance(source, Upload):
        address, version, media, path, name = f"{API}/uploads/{source.id}", "", None, source.name, source.name
    else:
        address, version = f"{API}/items/{source.id}", f"?v={item_version(source)}"
        media, path, name = f"{address}/media{version}", source.path, PurePath(source.path).name
    return fields | {
        "id": str(source.id),
        "path": escape_path(path),
        "name": escape_path(name),
        "thumbnail": f"{address}/thumbnail{version}" if source.kind == "image" else None,
        "media": media,
    }
