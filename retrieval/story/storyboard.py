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
from attune.embedding.moments import Moments
from attune.embedding.network import Affect, Network
from attune.embedding.tags import read_tags
from attune.indexer.library import Library
from attune.retrieval.match import explain
from attune.retrieval.query import Seed, Seeds
from attune.retrieval.search import Filters
from attune.retrieval.story.choice import Problem, by_mood, in_order
from attune.retrieval.story.cuts import cut_times
from attune.retrieval.story.plan import Order, Plan, Shot
from attune.retrieval.story.pool import ALIKE, Pool, gather, taken_at
from attune.retrieval.story.rhythm import Rhythm, hear

# Worth is counted in probability. A step of one unit of the plane costs 0.05 of it; where a section of the
# song begins, a third of that. Pictures that look alike do not follow one another if it can be helped.
_SMOOTH: Final = 0.05
_AT_SECTION: Final = 1 / 3
_SO_ALIKE: Final = 1.0
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
    seeds: Seeds,
    song: str,
    filters: Filters,
    seconds: float = 4.0,
    order: Order = "mood",
) -> Plan:
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
    rhythm = hear(asked.path)
    pool = gather(library, network.backbones["image"], _every(moments, seconds), filters)
    if not pool.items:
        raise UsageError("no picture to show: the library has none there; look with `attune status`")
    times = cut_times(rhythm, seconds, len(pool.items), _arousal(moments))
    spans = _spans(times, moments)
    taken: list[datetime] = []
    if order == "time":
        taken = [taken_at(item.path, item.taken) for item in pool.items]
        by_time = sorted(range(len(taken)), key=taken.__getitem__)
        pool, taken = pool.take(by_time), [taken[index] for index in by_time]
    problem = _problem(spans, pool, network, rhythm)
    chosen = by_mood(problem) if order == "mood" else in_order(problem)
    shots = _shots(spans, pool, problem, chosen, rhythm)
    if taken:
        dates = [taken[index].isoformat(timespec="seconds") for index in chosen.tolist()]
        shots = [replace(shot, taken=date) for shot, date in zip(shots, dates, strict=True)]
    tags = read_tags(asked.path)
    return Plan(
        asked.path,
        " – ".join(name for name in (tags.artist, tags.title) if name),
        rhythm.duration_s,
        rhythm.tempo_bpm,
        rhythm.beats_s.tolist(),
        shots,
        _notes(rhythm, len(shots), len(pool.items), seconds),
    )


def _every(moments: Moments, seconds: float) -> NDArray[np.float32]:
    """Return moments about as far apart as the pictures will be."""
    step = max(1, round(seconds / (moments.starts_s[1] or 1.0))) if len(moments.starts_s) > 1 else 1
    return moments.embedded.vectors[::step]


def _middles(moments: Moments) -> NDArray[np.float64]:
    return moments.starts_s + moments.span_s / 2


def _arousal(moments: Moments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return _middles(moments), moments.embedded.affect[:, 1].astype(np.float64)


def _spans(times: NDArray[np.float64], moments: Moments) -> Spans:
    """Give each span the mean of the moments whose middle lies in it, or else of the nearest one."""
    middles = _middles(moments)
    vectors, affect = [], []
    for start, end in itertools.pairwise(times):
        inside = (middles >= start) & (middles < end)
        if not inside.any():
            inside[np.argmin(np.abs(middles - (start + end) / 2))] = True
        mean = moments.embedded.vectors[inside].mean(axis=0)
        vectors.append(mean / max(float(np.linalg.norm(mean)), 1e-12))
        affect.append(Affect.of(moments.embedded.affect[inside].mean(axis=0)))
    return Spans(times, np.array(vectors, np.float32), affect)


def _problem(spans: Spans, pool: Pool, network: Network, rhythm: Rhythm) -> Problem:
    scores = network.probability(spans.vectors @ pool.vectors.T)
    points = pool.affect
    steps = np.hypot(*(points[:, None, :] - points[None, :, :]).transpose(2, 0, 1))
    jumps = _SMOOTH * steps + _SO_ALIKE * (pool.likeness >= ALIKE)
    joints = np.where(np.isin(spans.times[1:-1], rhythm.sections_s), _AT_SECTION, 1.0)
    return Problem(np.asarray(scores, np.float64), jumps, joints)


def _shots(
    spans: Spans, pool: Pool, problem: Problem, chosen: NDArray[np.int64], rhythm: Rhythm
) -> list[Shot]:
    sections = np.searchsorted(rhythm.sections_s, spans.times[:-1], side="right")
    lengths = np.diff(spans.times)
    shots = []
    for span, index in enumerate(chosen.tolist()):
        item, affect = pool.items[index], spans.affect[span]
        picture = Seed(item.path, "image", pool.vectors[index], item.affect)
        shots.append(
            Shot(
                start_s=float(spans.times[span]),
                end_s=float(spans.times[span + 1]),
                picture=item.path,
                section=int(sections[span]),
                fade_s=_fade(affect.arousal, lengths[span - 1 : span + 1]) if span else 0.0,
                arousal=affect.arousal,
                valence=affect.valence,
                score=float(problem.scores[span, index]),
                why=explain(picture, Seed("", "music", spans.vectors[span], affect)),
            )
        )
    return shots


def _fade(arousal: float, lengths: NDArray[np.float64]) -> float:
    """Return how long a cross-fade takes: a second in calm music, a quarter in festive music."""
    return float(min(_FADE_S * 2.0 ** (-1.5 * arousal), _FADE_SHARE * lengths.min()))


def _notes(rhythm: Rhythm, spans: int, pictures: int, seconds: float) -> list[str]:
    notes: Sequence[str | None] = (
        "no beat found: the song is cut evenly" if not len(rhythm.beats_s) else None,
        f"only {pictures} different pictures for {rhythm.duration_s:.0f} s of music: each stays longer"
        if spans * seconds * 1.3 < rhythm.duration_s and spans >= 0.8 * pictures
        else None,
    )
    return [note for note in notes if note]
