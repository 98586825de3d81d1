"""Quality of film plans and rendered films.

The pictures of a plan are compared with random orders of the same pictures: the p value is the share of
10,000 orders whose mean score is at least as high. The cuts are compared with beats that librosa finds in the
song, which it reads by its own decoder. A rendered film is opened again and measured.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.library_address import LibraryAddress
from attune.core.progress import Progress

if TYPE_CHECKING:
    from attune.embedding.network import Network
    from attune.retrieval.seeds import QueryResolver
    from attune.retrieval.story.film_plan import FilmPlan

_SHUFFLES: Final = 10_000
_BEAT_TOLERANCE_S: Final = 0.07


@dataclass(frozen=True, slots=True)
class FilmMeasurement:
    """Measurements of a rendered film, which is opened again for them.

    Attributes:
        made_in_s: Seconds of planning and rendering.
        video_s: Length of the video stream, seconds.
        sound_s: Length of the audio stream, seconds.
        frames: Number of video frames.
        peak_mib: Peak memory of the whole process including planning, MiB.
    """

    made_in_s: float
    video_s: float
    sound_s: float
    frames: int
    peak_mib: float


@dataclass(frozen=True, slots=True)
class FilmPlanMeasurement:
    """Measurements of the film plan of one song.

    Attributes:
        song: Name of the file.
        duration_s: Length of the song, seconds.
        spans: Number of shots, and number of different pictures in them.
        score: Mean score of each picture with its span of the song.
        shuffled_score: Mean of that score over random orders of the pictures.
        score_p: Share of random orders that score at least as high.
        distance: Mean distance between picture and span on the valence–arousal plane.
        shuffled_distance: Mean of that distance over random orders of the pictures.
        distance_p: Share of random orders whose distance is at most as large.
        on_beat: Share of cuts within 70 ms of a beat of the plan.
        on_other_beat: Share of cuts within 70 ms of a beat found by librosa.
        film: Measurements of the rendered film; None if none was rendered.
    """

    song: str
    duration_s: float
    spans: tuple[int, int]
    score: float
    shuffled_score: float
    score_p: float
    distance: float
    shuffled_distance: float
    distance_p: float
    on_beat: float
    on_other_beat: float
    film: FilmMeasurement | None


def measure(
    folder: LibraryAddress, songs: Sequence[str], below: tuple[str, ...], render: bool, progress: Progress
) -> list[dict[str, Any]]:
    """Plan a film for each song with the pictures of a library, and measure it.

    Args:
        folder: Where the library is kept.
        songs: Paths of the songs.
        below: Only pictures below these folders are used; empty: all.
        render: Whether the films are rendered and measured, too.
        progress: Receives the progress of the rendering.

    Returns:
        One JSON document per song, with the attributes of `FilmPlanMeasurement`.
    """
    from attune.retrieval.search import Filters
    from attune.retrieval.seeds import QueryResolver, open_library
    from attune.retrieval.story.storyboard import plan_film

    found = []
    library, network = open_library(folder, None)
    with library:
        seeds = QueryResolver(library, network)
        for song in songs:
            began = time.perf_counter()
            plan = plan_film(library, network, seeds, song, Filters(below=below))
            film = _render(plan, began, progress) if render else None
            found.append(asdict(_measure(plan, seeds, network, film)))
    return found


def _measure(
    plan: FilmPlan, seeds: QueryResolver, network: Network, film: FilmMeasurement | None
) -> FilmPlanMeasurement:
    import librosa

    pictures = [seeds.seed(shot.picture) for shot in plan.shots]
    picture_affect = np.array([seed.affect.place for seed in pictures])
    music_affect = np.array([(shot.valence, shot.arousal) for shot in plan.shots])
    scores = network.score(_embed_spans(plan, seeds) @ np.array([seed.vector for seed in pictures]).T)
    distances = np.hypot(*(music_affect[:, None] - picture_affect[None, :]).transpose(2, 0, 1))
    score, shuffled_score, score_p = _compare_with_shuffles(scores)
    distance, shuffled_distance, distance_p = _compare_with_shuffles(-distances)
    samples, rate = librosa.load(plan.song)
    _, beats_s = librosa.beat.beat_track(y=samples, sr=rate, units="time", trim=False)
    return FilmPlanMeasurement(
        song=Path(plan.song).name,
        duration_s=plan.duration_s,
        spans=(len(plan.shots), len({shot.picture for shot in plan.shots})),
        score=score,
        shuffled_score=shuffled_score,
        score_p=score_p,
        distance=-distance,
        shuffled_distance=-shuffled_distance,
        distance_p=distance_p,
        on_beat=_compute_beat_share(plan, np.array(plan.beats_s)),
        on_other_beat=_compute_beat_share(plan, np.asarray(beats_s)),
        film=film,
    )


def _embed_spans(plan: FilmPlan, seeds: QueryResolver) -> NDArray[np.float32]:
    """Return the embedding of each span, float32 (spans, 128), computed from the features of its seconds."""
    from attune.retrieval.seeds import Span

    parts = [seeds.seed(plan.song, Span(shot.start_s, shot.end_s)) for shot in plan.shots]
    return np.array([part.vector for part in parts])


def _compare_with_shuffles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the mean of the diagonal, its mean over shuffled columns, and the p value of the comparison."""
    random = np.random.default_rng(0)
    rows = np.arange(len(values))
    own = float(values[rows, rows].mean())
    others = np.array([values[rows, random.permutation(len(values))].mean() for _ in range(_SHUFFLES)])
    return own, float(others.mean()), (1 + int((others >= own).sum())) / (1 + _SHUFFLES)


def _compute_beat_share(plan: FilmPlan, beats_s: NDArray[np.float64]) -> float:
    cuts = np.array([shot.start_s for shot in plan.shots[1:]])
    if not len(cuts) or not len(beats_s):
        return 0.0
    return float((np.abs(cuts[:, None] - beats_s[None, :]).min(axis=1) <= _BEAT_TOLERANCE_S).mean())


def _render(plan: FilmPlan, began: float, progress: Progress) -> FilmMeasurement:
    import av

    from attune.retrieval.story.film import FilmFormat, write_film

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "show.mp4"
        write_film(plan, path, FilmFormat(), progress)
        made_in_s = time.perf_counter() - began
        with av.open(str(path)) as film:
            video, sound = film.streams.video[0], film.streams.audio[0]
            lengths = [float((stream.duration or 0) * (stream.time_base or 0)) for stream in (video, sound)]
            return FilmMeasurement(made_in_s, lengths[0], lengths[1], video.frames, _peak_mib())


def _peak_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def print_measures(found: Sequence[dict[str, Any]]) -> None:
    """Print a table of the documents that `measure` returns."""
    from rich.table import Table

    from attune.core.console import stdout_console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("song", "lasts", "pictures", "score", "shuffled", "p", "distance", "shuffled", "p"):
        table.add_column(column, justify="left" if column == "song" else "right")
    for column in ("on beats", "on librosa's", "made in", "film lasts", "peak"):
        table.add_column(column, justify="right")
    for document in found:
        film = document["film"]
        rendered = (
            ("", "", "")
            if film is None
            else (f"{film['made_in_s']:.0f} s", f"{film['video_s']:.2f} s", f"{film['peak_mib']:.0f} MiB")
        )
        table.add_row(
            document["song"],
            f"{document['duration_s']:.2f} s",
            f"{document['spans'][1]} of {document['spans'][0]}",
            f"{document['score']:.3f}",
            f"{document['shuffled_score']:.3f}",
            f"{document['score_p']:.4f}",
            f"{document['distance']:.2f}",
            f"{document['shuffled_distance']:.2f}",
            f"{document['distance_p']:.4f}",
            f"{document['on_beat']:.0%}",
            f"{document['on_other_beat']:.0%}",
            *rendered,
        )
    stdout_console().print(table)
