"""Songs for a folder of photos: chapters by time and mood, and the songs that follow them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import AttuneError
from attune.embedding.network import Affect, Network
from attune.indexer.library import Library
from attune.indexer.records import Item
from attune.retrieval.affect_plane import mood_word
from attune.retrieval.results import LibraryInfo, Result
from attune.retrieval.search import find_best_moment, make_result
from attune.retrieval.story.chapters import split_chapters
from attune.retrieval.story.photo_folder import Photo

# In probability, as in a storyboard: one unit of the plane costs 0.05, so does a delay of one song's length.
_STEP_COST: Final = 0.05
_DRIFT_COST: Final = 0.05
_SAME_ARTIST_COST: Final = 10.0  # never, if it can be helped
_NEAREST: Final = 200  # songs that come into question for a place
_BEAM: Final = 48
_MIN_SONG_S: Final = 45.0  # what is shorter is a jingle; taken only where there is nothing else
_CHAPTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Chapter:
    """Photos that belong together, in the order of time, and their songs in the order of playing."""

    photos: list[Photo]
    songs: list[Result]
    lengths_s: list[float]

    @property
    def affect(self) -> Affect:
        """The mean of what its photos feel like."""
        rows = [
            (p.affect.valence, p.affect.arousal, p.affect.positive, p.affect.neutral, p.affect.negative)
            for p in self.photos
        ]
        return Affect.from_row(np.mean(np.array(rows, np.float32), axis=0))

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `chapters` in the JSON answer."""
        affect = self.affect
        return {
            "from": self.photos[0].taken.isoformat(timespec="seconds"),
            "to": self.photos[-1].taken.isoformat(timespec="seconds"),
            "photos": [photo.path for photo in self.photos],
            "mood": mood_word(affect),
            "valence": affect.valence,
            "arousal": affect.arousal,
            "songs": [
                song.to_json() | {"duration_s": round(length, 2)}
                for song, length in zip(self.songs, self.lengths_s, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """Chapters with their songs, what a person should know, and the library that the songs come from."""

    chapters: list[Chapter]
    notes: list[str]
    library: LibraryInfo

    @property
    def duration_s(self) -> float:
        """How long all songs last."""
        return sum(sum(chapter.lengths_s) for chapter in self.chapters)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of `attune soundtrack`."""
        return {
            "minutes": round(self.duration_s / 60, 2),
            "chapters": [chapter.to_json() for chapter in self.chapters],
            "notes": self.notes,
            "library": self.library.to_json(),
        }


@dataclass(frozen=True, slots=True)
class _CandidateSongs:
    """m songs that come into question: their lengths in seconds, artists, (valence, arousal)."""

    items: list[Item]
    vectors: NDArray[np.float32]
    lengths_s: NDArray[np.float64]
    points: NDArray[np.float64]

    def same_artist(self, song: int) -> NDArray[np.bool_]:
        """Say of each song whether it is by the artist of one; unknown artists are nobody's."""
        artist = _artist_key(self.items[song])
        return np.array([artist is not None and _artist_key(item) == artist for item in self.items])


def compose_soundtrack(
    library: Library, network: Network, photos: Sequence[Photo], minutes: float
) -> Soundtrack:
    """Choose songs for photos.

    Args:
        library: Where the songs come from.
        network: The network of that library.
        photos: In the order of time, at least one.
        minutes: About how long the music shall last.

    Raises:
        AttuneError: The library has no song.
    """
    songs = _find_candidates(library, np.array([photo.vector for photo in photos]))
    typical_s = float(np.median(songs.lengths_s))
    count = max(1, min(round(minutes * 60 / typical_s), len(songs.items)))
    parts = split_chapters(photos, min(count, _CHAPTERS))
    shares = _allocate_songs([len(part) for part in parts], count)
    places = [
        piece for part, share in zip(parts, shares, strict=True) for piece in _average_segments(part, share)
    ]
    chosen = _beam_search(songs, network, places, minutes * 60 / len(places))
    scores = network.probability(np.einsum("ij,ij->i", places, songs.vectors[chosen]))
    chapters = []
    played = 0
    for part, share in zip(parts, shares, strict=True):
        results = []
        for place in range(played, played + share):
            item = songs.items[chosen[place]]
            moment = find_best_moment(library, network, places[place], item)
            results.append(make_result(item, place + 1, float(scores[place]), moment))
        lengths = songs.lengths_s[chosen[played : played + share]].tolist()
        chapters.append(Chapter(part, results, lengths))
        played += share
    generation = library.generation
    source = LibraryInfo(str(library.path), generation.id, generation.images, generation.music, network.name)
    return Soundtrack(chapters, _make_notes(songs, chosen, minutes), source)


def _find_candidates(library: Library, vectors: NDArray[np.float32]) -> _CandidateSongs:
    some = vectors[:: max(1, len(vectors) // 100)]
    found = [library.nearest("music", vector, _NEAREST)[0].tolist() for vector in some]
    ids = list(dict.fromkeys(key for ranks in zip(*found, strict=True) for key in ranks))
    known = library.items(ids)
    # A line of a playlist holds one name: one with a line break in it cannot be written.
    items = [known[key] for key in ids if known[key].duration_s and not {"\n", "\r"} & set(known[key].path)]
    items = [item for item in items if (item.duration_s or 0) >= _MIN_SONG_S] or items
    if not items:
        raise AttuneError(
            f"{library.path}: no music in the library; add some with `attune build-index FOLDER`"
        )
    points = np.array([(item.affect.valence, item.affect.arousal) for item in items])
    lengths_s = np.array([item.duration_s for item in items], np.float64)
    return _CandidateSongs(items, library.vectors([item.id for item in items]), lengths_s, points)


def _allocate_songs(sizes: Sequence[int], count: int) -> list[int]:
    """Share songs out by the numbers of photos: at least one each, the rest where most is due."""
    shares = [1] * len(sizes)
    for _ in range(count - len(sizes)):
        due = [size / share for size, share in zip(sizes, shares, strict=True)]
        shares[int(np.argmax(due))] += 1
    return shares


def _average_segments(photos: Sequence[Photo], count: int) -> list[NDArray[np.float32]]:
    """Return what `count` stretches of a chapter feel like: mean embeddings, unit length."""
    vectors = np.array([photo.vector for photo in photos])
    means = []
    for piece in range(count):
        first = piece * len(vectors) // count
        mean = vectors[first : max(first + 1, (piece + 1) * len(vectors) // count)].mean(axis=0)
        means.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
    return means


def _beam_search(
    songs: _CandidateSongs, network: Network, places: Sequence[NDArray[np.float32]], each_s: float
) -> list[int]:
    """Return a song for each place: the best of what a beam search keeps, none twice.

    Worth is the score, less the step in valence and arousal from the song before, less how far the end of the
    song is from where it should be by then, in songs.
    """
    beam: list[tuple[float, list[int], float]] = [(0.0, [], 0.0)]
    for number, place in enumerate(places, start=1):
        scores = np.asarray(network.probability(songs.vectors @ place), np.float64)
        longer: list[tuple[float, list[int], float]] = []
        for worth, chosen, played_s in beam:
            drift = np.abs(played_s + songs.lengths_s - number * each_s) / each_s
            step = worth + scores - _DRIFT_COST * drift
            if chosen:
                last = chosen[-1]
                step -= _STEP_COST * np.hypot(*(songs.points - songs.points[last]).T)
                step -= _SAME_ARTIST_COST * songs.same_artist(last)
            step[chosen] = -np.inf
            for song in np.argsort(-step)[:_BEAM].tolist():
                if np.isfinite(step[song]):
                    longer.append(
                        (float(step[song]), [*chosen, song], played_s + float(songs.lengths_s[song]))
                    )
        beam = sorted(longer, key=lambda state: -state[0])[:_BEAM]
    return beam[0][1]


def _make_notes(songs: _CandidateSongs, chosen: Sequence[int], minutes: float) -> list[str]:
    notes = []
    total = float(songs.lengths_s[chosen].sum()) / 60
    if total < 0.8 * minutes and len(chosen) == len(songs.items):
        notes.append(f"the library has music for {total:.0f} of {minutes:g} minutes")
    artists = [_artist_key(songs.items[song]) for song in chosen]
    if any(one is not None and one == other for one, other in itertools.pairwise(artists)):
        notes.append("too few artists in the library: one follows itself")
    return notes


def _artist_key(item: Item) -> str | None:
    return item.artist.casefold().strip() if item.artist else None
