"""A song becomes the plan of a film: cut, pictures chosen, reasons given."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError
from attune.embedding.network import Affect, Network
from attune.embedding.segments import Segments
from attune.embedding.title_tags import read_tags
from attune.indexer.library import Library
from attune.retrieval.match import explain_match
from attune.retrieval.search import Filters
from attune.retrieval.seeds import QueryItem, QueryResolver
from attune.retrieval.story.assignment import AssignmentProblem, assign_by_mood, assign_in_order
from attune.retrieval.story.beats import Rhythm, analyze_rhythm
from attune.retrieval.story.cut_points import choose_cut_times
from attune.retrieval.story.film_plan import FilmOrder, FilmPlan, Shot
from attune.retrieval.story.picture_candidates import (
    PictureCandidates,
    gather_candidates,
    read_capture_time,
)

# Worth is counted in probability. A step of one unit of the plane costs 0.05 of it; where a section of the
# song begins, a third of that. Pictures that look alike do not follow one another if it can be helped.
_STEP_COST: Final = 0.05
_SECTION_WEIGHT: Final = 1 / 3
_REPEAT_COST: Final = 1.0
_SIMILAR_SHARE: Final = (
    0.905  # of the way from random pictures to near-duplicates: a cosine of 0.95 by default
)
_FADE_S: Final = 0.6  # of a neutral moment: calm ones fade slower, lively ones faster
_FADE_SHARE: Final = 0.4  # of the shorter of the two spans, at most


@dataclass(frozen=True, slots=True)
class Spans:
    """The n stretches of a song that get a picture each.

    Attributes:
        times: float64 (n + 1,), seconds, from 0 to the song's end.
        vectors: float32 (n, 128), unit length: what each feels like.
        affect: What it feels like.
    """

    times: NDArray[np.float64]
    vectors: NDArray[np.float32]
    affect: list[Affect]


def plan_film(
    library: Library,
    network: Network,
    seeds: QueryResolver,
    song: str,
    filters: Filters,
    seconds: float = 4.0,
    order: FilmOrder = "mood",
) -> FilmPlan:
    """Plan a film of a library's pictures to a song, in the library or not.

    Args:
        library: Whose pictures.
        network: The network of that library.
        seeds: What turns the song into moments.
        song: The song's path.
        filters: Folders and globs of the pictures.
        seconds: Mean length wanted of a span.
        order: `mood`: as the song feels; `time`: also as the pictures were taken.

    Raises:
        AttuneError: librosa is not installed.
        UsageError: No picture is left, or the song is no music or too long.
        MediaError: The song cannot be used.
    """
    asked, moments = seeds.seed(song), seeds.moments(song)
    rhythm = analyze_rhythm(asked.path)
    candidates = gather_candidates(
        library, network.backbones["image"], _subsample_moments(moments, seconds), filters
    )
    if not candidates.items:
        raise UsageError("no picture to show: the library has none there; look with `attune status`")
    times = choose_cut_times(rhythm, seconds, len(candidates.items), _arousal_curve(moments))
    spans = _embed_spans(times, moments)
    taken: list[datetime] = []
    if order == "time":
        taken = [read_capture_time(item.path, item.taken) for item in candidates.items]
        by_time = sorted(range(len(taken)), key=taken.__getitem__)
        candidates, taken = candidates.take(by_time), [taken[index] for index in by_time]
    problem = _build_problem(spans, candidates, network, rhythm)
    chosen = assign_by_mood(problem) if order == "mood" else assign_in_order(problem)
    shots = _build_shots(spans, candidates, problem, chosen, rhythm)
    if taken:
        dates = [taken[index].isoformat(timespec="seconds") for index in chosen.tolist()]
        shots = [replace(shot, taken=date) for shot, date in zip(shots, dates, strict=True)]
    tags = read_tags(asked.path)
    return FilmPlan(
        asked.path,
        " – ".join(name for name in (tags.artist, tags.title) if name),
        rhythm.duration_s,
        rhythm.tempo_bpm,
        rhythm.beats_s.tolist(),
        shots,
        _make_notes(rhythm, len(shots), len(candidates.items), seconds),
    )


def _subsample_moments(moments: Segments, seconds: float) -> NDArray[np.float32]:
    """Return moments about as far apart as the pictures will be."""
    step = max(1, round(seconds / (moments.starts_s[1] or 1.0))) if len(moments.starts_s) > 1 else 1
    return moments.embedded.vectors[::step]


def _moment_centers(moments: Segments) -> NDArray[np.float64]:
    return moments.starts_s + moments.span_s / 2


def _arousal_curve(moments: Segments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return _moment_centers(moments), moments.embedded.affect[:, 1].astype(np.float64)


def _embed_spans(times: NDArray[np.float64], moments: Segments) -> Spans:
    """Give each span the mean of the moments whose middle lies in it, or else of the nearest one."""
    middles = _moment_centers(moments)
    vectors, affect = [], []
    for start, end in itertools.pairwise(times):
        inside = (middles >= start) & (middles < end)
        if not inside.any():
            inside[np.argmin(np.abs(middles - (start + end) / 2))] = True
        mean = moments.embedded.vectors[inside].mean(axis=0)
        vectors.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
        affect.append(Affect.from_row(moments.embedded.affect[inside].mean(axis=0)))
    return Spans(times, np.array(vectors, np.float32), affect)


def _build_problem(
    spans: Spans, candidates: PictureCandidates, network: Network, rhythm: Rhythm
) -> AssignmentProblem:
    scores = network.probability(spans.vectors @ candidates.vectors.T)
    points = candidates.affect
    steps = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    jumps = _STEP_COST * steps + _REPEAT_COST * (candidates.similarity >= _SIMILAR_SHARE)
    joints = np.where(np.isin(spans.times[1:-1], rhythm.sections_s), _SECTION_WEIGHT, 1.0)
    return AssignmentProblem(np.asarray(scores, np.float64), jumps, joints)


def _build_shots(
    spans: Spans,
    candidates: PictureCandidates,
    problem: AssignmentProblem,
    chosen: NDArray[np.int64],
    rhythm: Rhythm,
) -> list[Shot]:
    sections = np.searchsorted(rhythm.sections_s, spans.times[:-1], side="right")
    lengths = np.diff(spans.times)
    shots = []
    for span, index in enumerate(chosen.tolist()):
        item, affect = candidates.items[index], spans.affect[span]
        picture = QueryItem(item.path, "image", candidates.vectors[index], item.affect)
        shots.append(
            Shot(
                start_s=float(spans.times[span]),
                end_s=float(spans.times[span + 1]),
                picture=item.path,
                section=int(sections[span]),
                fade_s=_fade_duration(affect.arousal, lengths[span - 1 : span + 1]) if span else 0.0,
                arousal=affect.arousal,
                valence=affect.valence,
                score=float(problem.scores[span, index]),
                why=explain_match(picture, QueryItem("", "music", spans.vectors[span], affect)),
            )
        )
    return shots


def _fade_duration(arousal: float, lengths: NDArray[np.float64]) -> float:
    """Return how long a cross-fade takes: a second in calm music, a quarter in festive music."""
    return float(min(_FADE_S * 2.0 ** (-1.5 * arousal), _FADE_SHARE * lengths.min()))


def _make_notes(rhythm: Rhythm, spans: int, pictures: int, seconds: float) -> list[str]:
    notes: Sequence[str | None] = (
        "no beat found: the song is cut evenly" if not len(rhythm.beats_s) else None,
        f"only {pictures} different pictures for {rhythm.duration_s:.0f} s of music: each stays longer"
        if spans * seconds * 1.3 < rhythm.duration_s and spans >= 0.8 * pictures
        else None,
    )
    return [note for note in notes if note]
