"""Films held against their promises.

A plan's pictures are compared with the same pictures in another order: the share of 10,000 random orders
whose mean score is as high is the p value. Its cuts are compared with beats that librosa finds in the file as
it reads it, not as Attune does. A rendered film is opened again and measured.
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

from attune.core.progress import Progress

if TYPE_CHECKING:
    from attune.embedding.network import Network
    from attune.retrieval.seeds import QueryResolver
    from attune.retrieval.story.film_plan import FilmPlan

_SHUFFLES: Final = 10_000
_BEAT_TOLERANCE_S: Final = 0.07


@dataclass(frozen=True, slots=True)
class FilmMeasurement:
    """A rendered film, opened again; seconds, and MiB of the whole process at its peak, planning included."""

    made_in_s: float
    video_s: float
    sound_s: float
    frames: int
    peak_mib: float


@dataclass(frozen=True, slots=True)
class FilmPlanMeasurement:
    """One song's plan.

    Attributes:
        song: Name of the file.
        duration_s: Of the song.
        spans: How many pictures, and how many of them differ.
        score: Mean score of picture and span.
        shuffled_score: The same of shuffled pictures, mean.
        score_p: Share of the shuffles that score as high.
        distance: Mean distance of picture and span on the valence–arousal plane.
        shuffled_distance: The same of shuffled pictures, mean.
        distance_p: Share of the shuffles that are as near.
        on_beat: Share of the cuts within 70 ms of a beat of the plan.
        on_other_beat: Share of the cuts within 70 ms of a beat that librosa finds by itself.
        film: Where one was rendered.
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
    folder: Path, songs: Sequence[str], below: tuple[str, ...], render: bool, progress: Progress
) -> list[dict[str, Any]]:
    """Plan a film to each song, with the pictures of a library, and measure it."""
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
    picture_affect = np.array([(seed.affect.valence, seed.affect.arousal) for seed in pictures])
    music_affect = np.array([(shot.valence, shot.arousal) for shot in plan.shots])
    scores = network.probability(_embed_spans(plan, seeds) @ np.array([seed.vector for seed in pictures]).T)
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
    """Return what each span feels like, embedded anew from the features of the seconds that it lasts."""
    from attune.retrieval.seeds import Span

    parts = [seeds.seed(plan.song, Span(shot.start_s, shot.end_s)) for shot in plan.shots]
    return np.array([part.vector for part in parts])


def _compare_with_shuffles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the mean of the diagonal, that of shuffled columns, and the share of shuffles as good."""
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
    """Print a table of what `measure` found."""
    from rich.table import Table

    from attune.core.console import stdout_console

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("song", "lasts", "pictures", "score", "shuffled", "p", "distance", "shuffled", "p"):
        table.add_column(column, justify="left" if column == "song" else "right")
    for column in ("on beats", "on librosa's", "made in", "film lasts", "peak"):
        table.add_column(column, justify="right")
    for one in found:
        film = one["film"]
        rendered = (
            ("", "", "")
            if film is None
            else (f"{film['made_in_s']:.0f} s", f"{film['video_s']:.2f} s", f"{film['peak_mib']:.0f} MiB")
        )
        table.add_row(
            one["song"],
            f"{one['duration_s']:.2f} s",
            f"{one['spans'][1]} of {one['spans'][0]}",
            f"{one['score']:.3f}",
            f"{one['shuffled_score']:.3f}",
            f"{one['score_p']:.4f}",
            f"{one['distance']:.2f}",
            f"{one['shuffled_distance']:.2f}",
            f"{one['distance_p']:.4f}",
            f"{one['on_beat']:.0%}",
            f"{one['on_other_beat']:.0%}",
            *rendered,
        )
    stdout_console().print(table)
