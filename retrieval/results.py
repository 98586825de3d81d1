"""Records of an answer, from which every form of output is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attune.embedding.media_files import Kind
from attune.embedding.network import Affect
from attune.retrieval.mood_words import mood_word


@dataclass(frozen=True, slots=True)
class QueryEntry:
    """One file of a query, or the point of the valence–arousal plane that was searched.

    Attributes:
        path: Absolute path of the file; None for a point.
        kind: Kind of the file; for a point, the kind that was searched.
        affect: Affect of the file; None for a point.
        valence: Valence in [-1, 1].
        arousal: Arousal in [-1, 1].
    """

    path: str | None
    kind: Kind | None
    affect: Affect | None
    valence: float
    arousal: float

    def to_json(self) -> dict[str, Any]:
        """Return one element of `query` in the JSON answer."""
        return {
            "path": self.path,
            "kind": self.kind,
            "mood": None if self.affect is None else mood_word(self.affect),
            "valence": self.valence,
            "arousal": self.arousal,
            "polarity": None if self.affect is None else polarity_json(self.affect),
        }


@dataclass(frozen=True, slots=True)
class Moment:
    """The part of a song that corresponds best with a query.

    Attributes:
        start_s: Its start, in seconds from the beginning of the song.
        end_s: Its end, in seconds from the beginning of the song.
        score: Correspondence probability of this part alone, in [0, 1].
    """

    start_s: float
    end_s: float
    score: float

    def to_json(self) -> dict[str, float]:
        """Return `moment` of a result in the JSON answer."""
        return {"start_s": round(self.start_s, 2), "end_s": round(self.end_s, 2), "score": self.score}


@dataclass(frozen=True, slots=True)
class Result:
    """One file of an answer.

    Attributes:
        rank: Its rank, from 1.
        id: Its key in the library.
        path: Absolute path of the file.
        score: Correspondence probability in [0, 1]; for a point of the plane, closeness in [0, 1].
        affect: Its valence, arousal and polarity.
        moment: The best moment of a song; None for a picture, and in answers to a point of the plane.
        title: Title by the tags of a song, if any.
        artist: Artist by the tags of a song, if any.
        taken: When a picture was taken, ISO 8601 in the camera's local time, if the file says so.
        duration_s: Length of a song in seconds.
        alike: Paths of the near-duplicates that are folded into this answer, best first.
        why: One line that explains the answer; None if no explanation was requested.
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
        """Artist and title, as far as the tags have them; may be empty."""
        return " – ".join(name for name in (self.artist, self.title) if name)

    def to_json(self) -> dict[str, Any]:
        """Return one element of `results` in the JSON answer."""
        return {
            "rank": self.rank,
            "path": self.path,
            "score": self.score,
            "mood": mood_word(self.affect),
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
    """The library from which an answer comes.

    Attributes:
        path: Its folder.
        generation: Number of the published generation that was searched.
        images: Number of pictures in it.
        music: Number of songs in it.
        network: Name of its network.
    """

    path: str
    generation: int
    images: int
    music: int
    network: str

    def to_json(self) -> dict[str, Any]:
        """Return `library` in the JSON answer."""
        return {
            "path": self.path,
            "generation": self.generation,
            "images": self.images,
            "music": self.music,
            "network": self.network,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The complete answer to a query.

    Attributes:
        kind: Kind of the results.
        query: The files or the point of the query.
        results: The files that were found, best first.
        library: The library that was searched.
        elapsed_ms: Duration of the query in milliseconds.
    """

    kind: Kind
    query: list[QueryEntry]
    results: list[Result]
    library: LibraryInfo
    elapsed_ms: float

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of a query command."""
        return {
            "query": [entry.to_json() for entry in self.query],
            "results": [result.to_json() for result in self.results],
            "library": self.library.to_json(),
            "elapsed_ms": round(self.elapsed_ms, 1),
        }


def polarity_json(affect: Affect) -> dict[str, float]:
    """Return the polarity posterior in the form of the JSON answers: three probabilities by name."""
    return {"positive": affect.positive, "neutral": affect.neutral, "negative": affect.negative}
