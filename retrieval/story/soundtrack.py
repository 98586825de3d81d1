"""Soundtrack for a folder of photos: chapters by time and mood, and songs that fit them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import AttuneError
from attune.core.reachability import find_missing
from attune.embedding.affect import Affect
from attune.embedding.network import Network
from attune.indexer.library import LibraryReader
from attune.indexer.records import Item
from attune.retrieval.answers import Answer, LibraryInfo, describe_missing
from attune.retrieval.best_moment import find_item_moment
from attune.retrieval.correspondence import measure_correspondence
from attune.retrieval.fit import measure_fits, rank_peers
from attune.retrieval.m3u import Track
from attune.retrieval.mood_words import mood_word
from attune.retrieval.story.chapters import split_chapters
from attune.retrieval.story.photo_folder import Photo
from attune.retrieval.words.aims import ANYTHING, Target

# Costs are in units of probability, as in a storyboard.
_STEP_COST: Final = 0.05  # for a step of one unit of the plane from one song to the next
_DRIFT_COST: Final = 0.05  # for a delay of one song's length
_SAME_ARTIST_COST: Final = 10.0  # so large that an artist follows itself only if nothing else is possible
_NEAREST: Final = 200  # candidate songs for each photo
_BEAM: Final = 48  # partial playlists that the beam search keeps
_MIN_SONG_S: Final = 45.0  # a shorter one is a jingle, used only if the library has no longer song
_MAX_CHAPTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Chapter:
    """Photos that belong together, and their songs.

    Attributes:
        photos: The photos, in order of time.
        songs: The songs, in order of playing.
        lengths_s: Length of each song in seconds.
    """

    photos: list[Photo]
    songs: list[Answer]
    lengths_s: list[float]

    @property
    def affect(self) -> Affect:
        """Mean affect of the photos."""
        rows = [astuple(photo.affect) for photo in self.photos]
        return Affect.from_row(np.mean(np.array(rows, np.float32), axis=0))

    def to_json(self) -> dict[str, Any]:
        """Return one element of `chapters` in the JSON answer."""
        from attune.retrieval.response_models import AnswerModel, PlaceModel

        affect = self.affect
        place = PlaceModel(valence=affect.place_valence, arousal=affect.place_arousal)
        return {
            "from": self.photos[0].taken.isoformat(timespec="seconds"),
            "to": self.photos[-1].taken.isoformat(timespec="seconds"),
            "photos": [photo.path for photo in self.photos],
            "mood": mood_word(affect.place),
            "valence": affect.valence,
            "arousal": affect.arousal,
            "place": place.model_dump(),
            "songs": [
                AnswerModel.model_validate(song).model_dump() | {"duration_s": round(length, 2)}
                for song, length in zip(self.songs, self.lengths_s, strict=True)
            ],
        }


@dataclass(frozen=True, slots=True)
class Soundtrack:
    """Songs for a folder of photos.

    Attributes:
        chapters: The chapters with their songs.
        notes: Notices for the user: too little music, too few artists.
        library: The library from which the songs come.
    """

    chapters: list[Chapter]
    notes: list[str]
    library: LibraryInfo

    @property
    def duration_s(self) -> float:
        """Total length of all songs, in seconds."""
        return sum(sum(chapter.lengths_s) for chapter in self.chapters)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of `attune soundtrack`."""
        from attune.retrieval.response_models import LibraryModel

        return {
            "minutes": round(self.duration_s / 60, 2),
            "chapters": [chapter.to_json() for chapter in self.chapters],
            "notes": self.notes,
            "library": LibraryModel.model_validate(self.library).model_dump(),
        }


@dataclass(frozen=True, slots=True)
class _CandidateSongs:
    """The m songs from which those of a soundtrack are chosen.

    Attributes:
        items: The songs.
        vectors: float32 (m, 128), their embeddings.
        lengths_s: float64 (m,), their lengths in seconds.
        points: float64 (m, 2), their places on the plane.
        missing: Number of songs that would be among them if their files were there now.
    """

    items: list[Item]
    vectors: NDArray[np.float32]
    lengths_s: NDArray[np.float64]
    points: NDArray[np.float64]
    missing: int

    def same_artist(self, song: int) -> NDArray[np.bool_]:
        """Return, bool (m,), which songs are by the artist of a song; none if its artist is unknown."""
        artist = _artist_key(self.items[song])
        return np.array([artist is not None and _artist_key(item) == artist for item in self.items])


def compose_soundtrack(
    library: LibraryReader,
    network: Network,
    photos: Sequence[Photo],
    minutes: float,
    target: Target = ANYTHING,
) -> Soundtrack:
    """Choose songs for photos.

    Args:
        library: The library from which the songs come.
        network: The network of that library.
        photos: Photos in order of time, at least one.
        minutes: The approximate length of the music.
        target: What the songs should also be near to, and far from.

    Raises:
        AttuneError: The library has no song, or none whose file is there now.
    """
    nearness = target.measure(library, "music")
    preferred = nearness.ranked_ids[:_NEAREST].tolist() if target else []
    songs = _find_candidates(library, np.array([photo.vector for photo in photos]), preferred)
    typical_s = float(np.median(songs.lengths_s))
    count = max(1, min(round(minutes * 60 / typical_s), len(songs.items)))
    parts = split_chapters(photos, min(count, _MAX_CHAPTERS))
    song_counts = _allocate_songs([len(part) for part in parts], count)
    groups = [
        group
        for part, song_count in zip(parts, song_counts, strict=True)
        for group in _divide(part, song_count)
    ]
    targets = [_average(group) for group in groups]
    chances = [np.asarray(network.score(songs.vectors @ one), np.float64) for one in targets]
    scores = [nearness.blend_items(chance, songs.items) for chance in chances]
    chosen = _beam_search(songs, scores, minutes * 60 / len(targets))
    results = _answer_groups(library, network, groups, targets, [songs.items[index] for index in chosen])
    if target:
        results = [
            replace(one, score=float(own[index]), fit=None)
            for one, own, index in zip(results, scores, chosen, strict=True)
        ]
    chapters = []
    first = 0
    for part, song_count in zip(parts, song_counts, strict=True):
        own = slice(first, first + song_count)
        chapters.append(Chapter(part, results[own], songs.lengths_s[chosen[own]].tolist()))
        first += song_count
    generation = library.generation
    source = LibraryInfo(str(library.path), generation.id, generation.images, generation.music, network.name)
    return Soundtrack(chapters, _make_notes(songs, chosen, minutes), source)


def _find_candidates(
    library: LibraryReader, vectors: NDArray[np.float32], preferred: Sequence[int]
) -> _CandidateSongs:
    sample = vectors[:: max(1, len(vectors) // 100)]
    found = [library.nearest("music", vector, _NEAREST)[0].tolist() for vector in sample]
    ids = list(dict.fromkeys([*(key for ranks in zip(*found, strict=True) for key in ranks), *preferred]))
    by_id = library.items(ids)
    known = [by_id[key] for key in ids if by_id[key].duration_s]
    missing = find_missing(item.path for item in known)
    items = [item for item in known if item.path not in missing]
    items = [item for item in items if (item.duration_s or 0) >= _MIN_SONG_S] or items
    if not items and missing:
        raise AttuneError(
            f"{library.path}: none of {len(missing)} songs is there now; is their disk connected?"
        )
    if not items:
        raise AttuneError(
            f"{library.path}: no music in the library; add some with `attune build-index FOLDER`"
        )
    points = np.array([item.affect.place for item in items])
    lengths_s = np.array([item.duration_s for item in items], np.float64)
    embeddings = library.vectors([item.id for item in items])
    return _CandidateSongs(items, embeddings, lengths_s, points, len(missing))


def _allocate_songs(sizes: Sequence[int], count: int) -> list[int]:
    """Return the number of songs for each chapter: at least one, and otherwise in proportion to its size."""
    song_counts = [1] * len(sizes)
    for _ in range(count - len(sizes)):
        photos_per_song = [size / songs for size, songs in zip(sizes, song_counts, strict=True)]
        song_counts[int(np.argmax(photos_per_song))] += 1
    return song_counts


def _divide(photos: Sequence[Photo], count: int) -> list[Sequence[Photo]]:
    """Return a chapter's photos in `count` consecutive groups; a photo is in several if there are few."""
    bounds = [group * len(photos) // count for group in range(count + 1)]
    return [photos[first : max(first + 1, after)] for first, after in itertools.pairwise(bounds)]


def _average(photos: Sequence[Photo]) -> NDArray[np.float32]:
    """Return the mean embedding of photos, float32 (128,), unit length."""
    mean = np.array([photo.vector for photo in photos]).mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)


def _answer_groups(
    library: LibraryReader,
    network: Network,
    groups: Sequence[Sequence[Photo]],
    targets: Sequence[NDArray[np.float32]],
    songs: Sequence[Item],
) -> list[Answer]:
    """Return the song of each group of photos, with how well it suits them, in order of playing."""
    vectors = library.vectors([song.id for song in songs])
    segments = library.moments([song.id for song in songs])
    answers = []
    for rank, (group, target, song, vector) in enumerate(
        zip(groups, targets, songs, vectors, strict=True), start=1
    ):
        score = float(network.score(np.dot(target, vector)))
        moment = find_item_moment(network, segments.get(song.id), target, song)
        (chance,) = measure_correspondence(network, [photo.affect for photo in group], [song.affect])
        answer = Answer(song, rank, score, correspondence=chance, moment=moment)
        (fit,) = measure_fits([answer], rank_peers(library, network, "music", target, [answer]))
        answers.append(replace(answer, fit=fit))
    return answers


def _beam_search(songs: _CandidateSongs, scores: Sequence[NDArray[np.float64]], song_s: float) -> list[int]:
    """Return the index of a song for each group of photos, none twice: the best sequence that is found.

    The worth of a song is its score, minus the cost of the step in valence and arousal from the previous
    song, minus the cost of its drift: how far its end is from the planned time, in units of `song_s`.

    Args:
        songs: The candidates.
        scores: For each group, in order of playing, the score of each song, (m,).
        song_s: The planned length of each song, in seconds.
    """
    beam: list[tuple[float, list[int], float]] = [(0.0, [], 0.0)]
    for number, own in enumerate(scores, start=1):
        longer: list[tuple[float, list[int], float]] = []
        for worth, chosen, played_s in beam:
            drift = np.abs(played_s + songs.lengths_s - number * song_s) / song_s
            step = worth + own - _DRIFT_COST * drift
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
    if songs.missing:
        notes.append(
            describe_missing(songs.missing, len(songs.items) + songs.missing, "song", "the playlist")
        )
    if any(artist is not None and artist == other for artist, other in itertools.pairwise(artists)):
        notes.append("too few artists in the library: songs of one artist follow each other")
    return notes


def _artist_key(item: Item) -> str | None:
    return item.artist.casefold().strip() if item.artist else None


def iter_tracks(soundtrack: Soundtrack) -> Iterator[Track]:
    """Yield the songs of all chapters, in order."""
    for number, chapter in enumerate(soundtrack.chapters, start=1):
        start = f"{chapter.photos[0].taken:%Y-%m-%d %H:%M}"
        note: str | None = f"Chapter {number}: {start}, {len(chapter.photos)} photos"
        for song, length in zip(chapter.songs, chapter.lengths_s, strict=True):
            yield Track(song, length, note)
            note = None
