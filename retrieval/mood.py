"""Mood of any file; for a song, also the curve of its mood over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attune.embedding.affect import Affect
from attune.retrieval.answers import QueryEntry
from attune.retrieval.seeds import QuerySource


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One moment of a song's mood curve.

    Attributes:
        start_s: Start of the moment, in seconds.
        end_s: End of the moment, in seconds.
        valence: Valence that people would feel on average, in [-1, 1].
        arousal: Arousal that people would feel on average, in [-1, 1].
        place: Its place on the plane, quantiles of valence and arousal, each in [-1, 1].
    """

    start_s: float
    end_s: float
    valence: float
    arousal: float
    place: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Mood:
    """The mood of a file.

    Attributes:
        entry: The file and its affect.
        curve: The moments of a song that are not silent; None for a picture.
    """

    entry: QueryEntry
    curve: list[CurvePoint] | None


def estimate_moods(seeds: QuerySource, paths: Sequence[str]) -> list[Mood]:
    """Return the mood of each file.

    Raises:
        UsageError: A file does not exist or is no media.
        MediaError: A file cannot be used.
    """
    return [_estimate_mood(seeds, path) for path in paths]


def _estimate_mood(seeds: QuerySource, path: str) -> Mood:
    seed = seeds.seed(path)
    curve = None
    if seed.kind == "music":
        moments = seeds.moments(path).without_silence()
        curve = [
            _make_point(float(start), moments.span_s, Affect.from_row(row))
            for start, row in zip(moments.starts_s, moments.embedded.affect, strict=True)
        ]
    return Mood(seed.entry, curve)


def _make_point(start_s: float, span_s: float, affect: Affect) -> CurvePoint:
    return CurvePoint(start_s, start_s + span_s, affect.valence, affect.arousal, affect.place)
