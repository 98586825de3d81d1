"""What a query answers: records that every output form renders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attune.embedding.media_files import Kind
from attune.embedding.network import Affect


@dataclass(frozen=True, slots=True)
class QueryEntry:
    """One thing that was asked with: a file, or a point of the valence–arousal plane (no path)."""

    path: str | None
    kind: Kind | None
    affect: Affect | None
    valence: float
    arousal: float

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `query` in the JSON answer."""
        return {
            "path": self.path,
            "kind": self.kind,
            "valence": self.valence,
            "arousal": self.arousal,
            "polarity": None if self.affect is None else polarity_json(self.affect),
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """The part of a song that fits best.

    Attributes:
        start_s: Seconds from the beginning.
        end_s: Seconds from the beginning.
        score: Its own correspondence probability.
    """

    start_s: float
    end_s: float
    score: float

    def to_json(self) -> dict[str, float]:
        """Return the `moment` of a result."""
        return {"start_s": round(self.start_s, 2), "end_s": round(self.end_s, 2), "score": self.score}


@dataclass(frozen=True, slots=True)
class Result:
    """One answer.

    Attributes:
        rank: From 1.
        id: Its key in the library.
        path: The file.
        score: Correspondence probability in [0, 1]; for a point of the plane, closeness in [0, 1].
        affect: What it feels like.
        moment: For a song, its best moment.
        title: From its tags, if any.
        artist: From its tags, if any.
        taken: When a picture was taken, ISO 8601 in the camera's local time, if its file says so.
        duration_s: Seconds of music.
        alike: Near-duplicates that are folded into this answer, best first.
        why: What makes it an answer, one line, where it was asked for.
    """

    rank: int
    id: int
    path: str
    score: float
    affect: Affect
    moment: Moment | None
    title: str | None
    artist: str | None
    taken: str | None = None
    duration_s: float | None = None
    alike: tuple[str, ...] = ()
    why: str | None = None

    @property
    def display_name(self) -> str:
        """Artist and title, as far as the tags name them."""
        return " – ".join(name for name in (self.artist, self.title) if name)

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `results` in the JSON answer."""
        return {
            "rank": self.rank,
            "path": self.path,
            "score": self.score,
            "valence": self.affect.valence,
            "arousal": self.affect.arousal,
            "polarity": polarity_json(self.affect),
            "moment": None if self.moment is None else self.moment.to_json(),
            "title": self.title,
            "artist": self.artist,
            "taken": self.taken,
            "duration_s": self.duration_s,
            "alike": list(self.alike),
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class LibraryInfo:
    """The library that answered."""

    path: str
    generation: int
    images: int
    music: int
    network: str

    def to_json(self) -> dict[str, Any]:
        """Return `library` of the JSON answer."""
        return {
            "path": self.path,
            "generation": self.generation,
            "images": self.images,
            "music": self.music,
            "network": self.network,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: the kind looked for, what was asked, what was found, where, and how long it took."""

    kind: Kind
    query: list[QueryEntry]
    results: list[Result]
    library: LibraryInfo
    elapsed_ms: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of a query command."""
        return {
            "query": [asked.to_json() for asked in self.query],
            "results": [result.to_json() for result in self.results],
            "library": self.library.to_json(),
            "elapsed_ms": round(self.elapsed_ms, 1),
        }


def polarity_json(affect: Affect) -> dict[str, float]:
    """Return the polarity posterior as the JSON answers give it."""
    return {"positive": affect.positive, "neutral": affect.neutral, "negative": affect.negative}
