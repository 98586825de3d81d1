"""Film plan for a song: cut points, chosen pictures, and an explanation of each choice."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import UsageError
from attune.embedding.affect import PLACE_COLUMNS, Affect
from attune.embedding.backbones import PATCH_S
from attune.embedding.media_tags import read_tags
from attune.embedding.network import Network
from attune.embedding.segments import Segments
from attune.indexer.library import LibraryReader
from attune.retrieval.answers import describe_missing
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
from attune.retrieval.words.aims import ANYTHING, Nearness, Target

# Costs are in units of probability.
_STEP_COST: Final = 0.05  # for a step of one unit of the plane from one picture to the next
_SECTION_WEIGHT: Final = 1 / 3  # of all costs, if the next picture begins a section of the song
_REPEAT_COST: Final = 1.0  # so large that similar pictures follow each other only if nothing else is possible
_SIMILAR_SHARE: Final = (
    0.905  # of the way from random pictures to near-duplicates: a cosine of 0.95 by default
)
_FADE_S: Final = 0.6  # length of a cross-fade at an arousal of 0; longer in calm music, shorter in lively
_FADE_SHARE: Final = 0.4  # the longest cross-fade, as a share of the shorter of its two spans


@dataclass(frozen=True, slots=True)
class Spans:
    """The n spans of a song, each of which gets one picture.

    Attributes:
        times: float64 (n + 1,), bounds of the spans in seconds, from 0 to the song's end.
        vectors: float32 (n, 128), unit length, the embeddings of the spans.
        affect: Valence, arousal and polarity of each span.
    """

    times: NDArray[np.float64]
    vectors: NDArray[np.float32]
    affect: list[Affect]


def plan_film(
    library: LibraryReader,
    network: Network,
    seeds: QueryResolver,
    song: str,
    filters: Filters,
    seconds: float = 4.0,
    order: FilmOrder = "mood",
    target: Target = ANYTHING,
) -> FilmPlan:
    """Plan a film of a library's pictures to a song.

    Args:
        library: The library with the pictures.
        network: The network of that library.
        seeds: Source of the song's moments.
        song: Path of the song, which need not be in the library.
        filters: Folders, dates and exclusions of the pictures.
        seconds: The wanted mean length of a span.
        order: `mood`: pictures follow the mood of the song; `time`: they also follow the time at which they
            were taken.
        target: What the pictures should also be near to, and far from.

    Raises:
        AttuneError: librosa is not installed.
        UsageError: No picture passes the filters, or the song is not music or too long.
        MediaError: The song cannot be used.
    """
    song_item, moments = seeds.seed(song), seeds.moments(song).without_silence()
    rhythm = analyze_rhythm(song_item.path)
    nearness = target.measure(library, "image")
    candidates = gather_candidates(
        library,
        network.backbones["image"],
        _subsample_moments(moments, seconds),
        filters,
        nearness.ranked_ids.tolist() if target else (),
    )
    if not candidates.items:
        raise UsageError(
            f"no picture to show: none of {candidates.missing} is there now; is their disk connected?"
            if candidates.missing
            else "no picture to show: the library has none that passes; check with `attune status`"
        )
    times = choose_cut_times(rhythm, seconds, len(candidates.items), _arousal_curve(moments))
    spans = _embed_spans(times, moments)
    taken: list[datetime] = []
    if order == "time":
        taken = [read_capture_time(item.path, item.taken) for item in candidates.items]
        by_time = sorted(range(len(taken)), key=taken.__getitem__)
        candidates, taken = candidates.take(by_time), [taken[index] for index in by_time]
    problem = _build_problem(spans, candidates, network, nearness, rhythm)
    chosen = assign_by_mood(problem) if order == "mood" else assign_in_order(problem)
    shots = _build_shots(spans, candidates, problem, chosen, rhythm)
    if taken:
        dates = [taken[index].isoformat(timespec="seconds") for index in chosen.tolist()]
        shots = [replace(shot, taken=date) for shot, date in zip(shots, dates, strict=True)]
    tags = read_tags(song_item.path)
    return FilmPlan(
        song_item.path,
        " – ".join(name for name in (tags.artist, tags.title) if name),
        rhythm.duration_s,
        rhythm.tempo_bpm,
        rhythm.beats_s.tolist(),
        shots,
        _make_notes(rhythm, len(shots), candidates, seconds),
    )


def _subsample_moments(moments: Segments, seconds: float) -> NDArray[np.float32]:
    """Return the embeddings of moments that are about as far apart as the pictures will be."""
    return moments.embedded.vectors[:: max(1, round(seconds / PATCH_S))]


def _moment_centers(moments: Segments) -> NDArray[np.float64]:
    return moments.starts_s + moments.span_s / 2


def _arousal_curve(moments: Segments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return _moment_centers(moments), moments.embedded.affect[:, PLACE_COLUMNS][:, 1].astype(np.float64)


def _embed_spans(times: NDArray[np.float64], moments: Segments) -> Spans:
    """Return the spans, each with the mean of the moments whose centre is in it, or else the nearest one."""
    centers = _moment_centers(moments)
    vectors, affect = [], []
    for start, end in itertools.pairwise(times):
        inside = (centers >= start) & (centers < end)
        if not inside.any():
            inside[np.argmin(np.abs(centers - (start + end) / 2))] = True
        mean = moments.embedded.vectors[inside].mean(axis=0)
        vectors.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
        affect.append(Affect.from_row(moments.embedded.affect[inside].mean(axis=0)))
    return Spans(times, np.array(vectors, np.float32), affect)


def _build_problem(
    spans: Spans, candidates: PictureCandidates, network: Network, nearness: Nearness, rhythm: Rhythm
) -> AssignmentProblem:
    chances = network.score(spans.vectors @ candidates.vectors.T)
    scores = nearness.blend_items(chances, candidates.items)
    points = candidates.places
    steps = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    costs = _STEP_COST * steps + _REPEAT_COST * (candidates.similarity >= _SIMILAR_SHARE)
    weights = np.where(np.isin(spans.times[1:-1], rhythm.sections_s), _SECTION_WEIGHT, 1.0)
    return AssignmentProblem(np.asarray(scores, np.float64), costs, weights)


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
                fade_s=_fade_duration(affect.place_arousal, lengths[span - 1 : span + 1]) if span else 0.0,
                arousal=affect.place_arousal,
                valence=affect.place_valence,
                score=float(problem.scores[span, index]),
                why=explain_match(picture, QueryItem("", "music", spans.vectors[span], affect)),
            )
        )
    return shots


def _fade_duration(arousal: float, lengths: NDArray[np.float64]) -> float:
    """Return the length of a cross-fade: 1 s in calm music (arousal −0.45), 0.36 s in festive (0.5)."""
    return float(min(_FADE_S * 2.0 ** (-1.5 * arousal), _FADE_SHARE * lengths.min()))


def _make_notes(rhythm: Rhythm, spans: int, candidates: PictureCandidates, seconds: float) -> list[str]:
    pictures, missing = len(candidates.items), candidates.missing
    notes: Sequence[str | None] = (
        "no beat found: the song is cut evenly" if not len(rhythm.beats_s) else None,
        f"only {pictures} different pictures for {rhythm.duration_s:.0f} s of music: each stays longer"
        if spans * seconds * 1.3 < rhythm.duration_s and spans >= 0.8 * pictures
        else None,
        describe_missing(missing, pictures + missing, "picture", "the film") if missing else None,
    )
    return [note for note in notes if note]
