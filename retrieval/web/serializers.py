"""JSON of the HTTP API: the same as the CLI's, with ids, names, sizes and addresses of media added."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from attune.core.errors import escape_path
from attune.indexer.records import Item
from attune.retrieval.match import Match
from attune.retrieval.mood import Mood
from attune.retrieval.mood_words import mood_word
from attune.retrieval.results import Answer, QueryEntry, polarity_json
from attune.retrieval.web.library_holder import LibrarySnapshot
from attune.retrieval.web.references import ResolvedReference
from attune.retrieval.web.uploads import Upload

API = "/api/v1"


def answer_json(
    answer: Answer,
    references: Sequence[ResolvedReference],
    snapshot: LibrarySnapshot,
    offset: int,
    limit: int,
) -> dict[str, Any]:
    """Return one page of an answer.

    Args:
        answer: The results from the first rank on.
        references: The items and uploads that were searched with; they are left out of the results.
        snapshot: The generation that was searched.
        offset: Number of best results to skip.
        limit: Maximum number of results.
    """
    query_ids = {reference.id for reference in references}
    page_results = [result for result in answer.results if str(result.id) not in query_ids][
        offset : offset + limit
    ]
    items = snapshot.library.items([result.id for result in page_results])
    document = answer.to_json()
    if references:
        document["query"] = [
            reference_json(reference, entry)
            for reference, entry in zip(references, answer.query, strict=True)
        ]
    else:
        document["query"] = [_point_json(entry) for entry in answer.query]
    document["results"] = [
        replace(result, rank=rank).to_json() | item_json(items[result.id])
        for rank, result in enumerate(page_results, start=offset + 1)
    ]
    return document


def mood_json(mood: Mood, reference: ResolvedReference) -> dict[str, Any]:
    """Return the estimated emotion of one item or upload."""
    return reference_json(reference, mood.entry) | {"curve": mood.to_json()["curve"]}


def match_json(match: Match, image: ResolvedReference, music: ResolvedReference) -> dict[str, Any]:
    """Return whether a picture and a song match, and why."""
    document = match.to_json()
    document["image"] = reference_json(image, match.image)
    document["music"] = reference_json(music, match.music) | {"moment": match.moment.to_json()}
    return document


def reference_json(reference: ResolvedReference, entry: QueryEntry) -> dict[str, Any]:
    """Return an item of the library, or an upload with the affect that the query gave it."""
    if isinstance(reference.source, Item):
        return item_json(reference.source)
    return _upload_json(reference.source) | _affect_json(entry)


def item_json(item: Item) -> dict[str, Any]:
    """Return an item of the library."""
    address = f"{API}/items/{item.id}"
    return {
        "id": str(item.id),
        "kind": item.kind,
        "path": escape_path(item.path),
        "name": escape_path(PurePath(item.path).name),
        "title": item.title,
        "artist": item.artist,
        "mood": mood_word(item.affect),
        "valence": item.affect.valence,
        "arousal": item.affect.arousal,
        "polarity": polarity_json(item.affect),
        "duration_s": item.duration_s,
        "width": item.width,
        "height": item.height,
        "thumbnail": f"{address}/thumbnail?v={item_version(item)}" if item.kind == "image" else None,
        "media": f"{address}/media?v={item_version(item)}",
    }


def item_version(item: Item) -> str:
    """Return a hash that differs for items of the same id in different libraries, for browser caches."""
    identity = f"{item.feature_row} {item.affect} {item.width} {item.height} {item.duration_s}".encode()
    return hashlib.blake2s(identity + os.fsencode(item.path), digest_size=6).hexdigest()


def _upload_json(upload: Upload) -> dict[str, Any]:
    thumbnail = f"{API}/uploads/{upload.id}/thumbnail" if upload.kind == "image" else None
    return {
        "id": upload.id,
        "kind": upload.kind,
        "path": upload.name,
        "name": upload.name,
        "title": upload.title,
        "artist": upload.artist,
        "duration_s": upload.duration_s,
        "width": upload.width,
        "height": upload.height,
        "thumbnail": thumbnail,
        "media": None,
    }


def _point_json(point: QueryEntry) -> dict[str, Any]:
    empty = dict.fromkeys(
        ("id", "path", "title", "artist", "duration_s", "width", "height", "thumbnail", "media")
    )
    affect = {"valence": point.valence, "arousal": point.arousal, "polarity": None}
    name = f"{point.valence:+.2f}, {point.arousal:+.2f}"
    return empty | affect | {"kind": point.kind, "name": name, "mood": mood_at(point.valence, point.arousal)}


def _affect_json(entry: QueryEntry) -> dict[str, Any]:
    return {
        "mood": mood_at(entry.valence, entry.arousal),
        "valence": entry.valence,
        "arousal": entry.arousal,
        "polarity": None if entry.affect is None else polarity_json(entry.affect),
    }


def mood_at(valence: float, arousal: float) -> str:
    """Return the named mood nearest to a point of the affect plane."""
    from attune.embedding.network import Affect

    return mood_word(Affect(valence, arousal, 0.0, 1.0, 0.0))
