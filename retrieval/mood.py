"""Mood of any file; for a song, also the curve of its mood over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from attune.retrieval.answers import QueryEntry
from attune.retrieval.seeds import QuerySource


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One moment of a song's mood curve.

    Attributes:
        start_s: Start of the moment, in seconds.
        end_s: End of the moment, in seconds.
        valence: Valence in [-1, 1].
        arousal: Arousal in [-1, 1].
    """

    start_s: float
    end_s: float
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class Mood:
    """The mood of a file.

    Attributes:
        entry: The file and its affect.
        curve: The moments of a song; None for a picture.
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
        moments = seeds.moments(path)
        curve = [
            CurvePoint(float(start), float(start) + moments.span_s, float(affect[0]), float(affect[1]))
            for start, affect in zip(moments.starts_s, moments.embedded.affect, strict=True)
        ]
    return Mood(seed.entry, curve)
