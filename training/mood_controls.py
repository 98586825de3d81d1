"""Control orderings: what the outputs of single files give by mood without a learnt order of pairs.

A control that covers little of the gallery may owe its precision to a few answers that it gives to everyone.
Therefore each is also measured with random tie-breaks: noise is added to its scores, of an amplitude that
raises its coverage, the mean of both directions, to a common target. A control that already reaches a target
is left as it is. There are two targets: `COVERAGE_LIMIT` times the coverage of random answers, which is the
least that a library should show, and the highest coverage of any control, at which all are equal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attune.training.metrics import MoodLabels, MoodOrder, measure_mood_order, measure_spread

COVERAGE_LIMIT = 0.6
"""The lower coverage target, as a share of the coverage of random answers."""

NETWORK = "the network"
"""Name of the network's own order among the controls."""

_RANDOM = "random"
_DEPTH = 10
_SMALLEST, _LARGEST = 2.0**-7, 2.0**7
_HALVINGS = 12


@dataclass(frozen=True, slots=True)
class MoodOutputs:
    """What is said of the mood of N files of one modality, each on its own.

    Attributes:
        quadrants: (N, 4) posterior of the mood quadrants Q1 to Q4.
        places: (N, 2) places in valence and arousal.
    """

    quadrants: NDArray[np.floating]
    places: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class SideOutputs(MoodOutputs):
    """What a network says of N files of one modality, each on its own.

    Attributes:
        polarity: (N, 3) posterior of polarity.
        vectors: (N, D) embeddings.
    """

    polarity: NDArray[np.floating]
    vectors: NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class ControlResult:
    """Figures of one control.

    Attributes:
        control: Its name.
        target: Coverage that random tie-breaks were to reach; None for the control as it is.
        noise: Amplitude of the tie-breaks, in standard deviations of the scores.
        order: Its figures.
    """

    control: str
    target: float | None
    noise: float
    order: MoodOrder


def score_controls(
    images: SideOutputs, music: SideOutputs, seed: int = 0
) -> Mapping[str, NDArray[np.floating]]:
    """Return the scores of every control, (N, M), higher is better.

    Args:
        images: Outputs for N pictures.
        music: Outputs for M pieces of music.
        seed: Seed of the random order.
    """
    quadrants = _multiply_quadrants(images, music)
    return {
        "product of quadrants": quadrants,
        "closeness of places": _measure_closeness(images, music),
        "quadrants + closeness": score_quadrants_and_closeness(images, music),
        "product of polarities": images.polarity @ music.polarity.T,
        NETWORK: images.vectors @ music.vectors.T,
        _RANDOM: np.random.default_rng(seed).random(quadrants.shape),
    }


def score_quadrants_and_closeness(images: MoodOutputs, music: MoodOutputs) -> NDArray[np.floating]:
    """Return the product of quadrants plus the closeness of places, each divided by its deviation, (N, M).

    Args:
        images: Outputs for N pictures.
        music: Outputs for M pieces of music.
    """
    quadrants, closeness = _multiply_quadrants(images, music), _measure_closeness(images, music)
    return np.asarray(quadrants / _spread(quadrants) + closeness / _spread(closeness))


def measure_controls(
    images: SideOutputs, music: SideOutputs, image_labels: MoodLabels, music_labels: MoodLabels
) -> list[ControlResult]:
    """Measure every control as it is, then with random tie-breaks at both coverage targets.

    Args:
        images: Outputs for N pictures.
        music: Outputs for M pieces of music.
        image_labels: Mood of the N pictures.
        music_labels: Mood of the M pieces of music.
    """
    scores = score_controls(images, music)
    plain = {name: measure_mood_order(order, image_labels, music_labels) for name, order in scores.items()}
    covered = {name: _average_coverage(order) for name, order in plain.items() if name != _RANDOM}
    results = [ControlResult(name, None, 0.0, order) for name, order in plain.items()]
    for target in (COVERAGE_LIMIT * _chance_coverage(plain[_RANDOM]), max(covered.values())):
        if math.isnan(target):  # a side has no query, or no gallery
            continue
        for name, coverage in covered.items():
            if coverage >= target:
                results.append(ControlResult(name, target, 0.0, plain[name]))
                continue
            blended, noise = blend_to_coverage(scores[name], target, image_labels, music_labels)
            order = measure_mood_order(blended, image_labels, music_labels)
            results.append(ControlResult(name, target, noise, order))
    return results


def blend_to_coverage(
    scores: NDArray[np.floating], target: float, images: MoodLabels, music: MoodLabels, seed: int = 0
) -> tuple[NDArray[np.floating], float]:
    """Add the least random tie-breaks by which the mean coverage@10 of both directions reaches a target.

    Args:
        scores: (N, M), higher is better; their coverage is below the target.
        target: Coverage in [0, 1].
        images: Mood of the N pictures.
        music: Mood of the M pieces of music.
        seed: Seed of the tie-breaks.

    Returns:
        The scores (N, M) with normal noise, and its standard deviation as a multiple of that of the scores.
        The largest noise is used even if it does not reach the target.
    """
    noise = _spread(scores) * np.random.default_rng(seed).standard_normal(scores.shape)
    high = _SMALLEST
    while high < _LARGEST and _cover(scores + high * noise, images, music) < target:
        high *= 2
    low = 0.0 if high == _SMALLEST else high / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _cover(scores + middle * noise, images, music) < target:
            low = middle
        else:
            high = middle
    return scores + high * noise, high


def _multiply_quadrants(images: MoodOutputs, music: MoodOutputs) -> NDArray[np.floating]:
    return np.asarray(images.quadrants @ music.quadrants.T)


def _measure_closeness(images: MoodOutputs, music: MoodOutputs) -> NDArray[np.floating]:
    return np.asarray(-np.linalg.norm(images.places[:, None] - music.places[None], axis=2))


def _spread(scores: NDArray[np.floating]) -> float:
    """Return the standard deviation over the pairs; 1 where all are equal or there are none."""
    return (float(scores.std()) if scores.size else 0.0) or 1.0


def _cover(scores: NDArray[np.floating], images: MoodLabels, music: MoodLabels) -> float:
    """Return the mean coverage of both directions, of scores without ties."""
    sides = (scores, images, music), (scores.T, music, images)
    return float(np.mean([_cover_gallery(*side) for side in sides]))


def _cover_gallery(scores: NDArray[np.floating], queries: MoodLabels, gallery: MoodLabels) -> float:
    asked = scores[np.ix_(queries.quadrants >= 0, gallery.placed)]
    depth = min(_DEPTH, asked.shape[1])
    answers = np.argpartition(-asked, depth - 1, axis=1)[:, :depth]
    return measure_spread(answers, asked.shape[1]).coverage


def _average_coverage(order: MoodOrder) -> float:
    return (order.image_to_music.spread.coverage + order.music_to_image.spread.coverage) / 2


def _chance_coverage(order: MoodOrder) -> float:
    return (order.image_to_music.spread.chance_coverage + order.music_to_image.spread.chance_coverage) / 2
