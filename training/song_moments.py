"""What is lost where a system hears a moment of a song in place of the whole excerpt.

A moment is what a library judges when it looks for a song's best one: `SEGMENT_PATCHES` patches in a row
(`attune.embedding.segments`), nine seconds. A system is trained on whole excerpts, without a fold; then the
songs of that fold are heard twice, whole and by one random moment each. Both orders are judged on the same
files and draws, so that their difference is paired.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attune.core.progress import Progress
from attune.embedding.backbones import Backbone
from attune.embedding.segments import SEGMENT_PATCHES, segment_length
from attune.embedding.silent_patches import is_silent
from attune.training.assign_folds import FOLDS, assign_folds
from attune.training.cross_validation import OutOfFoldPredictions, score
from attune.training.metrics import MoodOrder
from attune.training.mood_comparison import JudgedFiles, measure_orders
from attune.training.mood_leads import OrderDifference, compare_orders
from attune.training.system_inputs import average_features
from attune.training.systems.base import LabelledFeatures, System

Patches = Mapping[Backbone, Sequence[NDArray[np.float16]]]
"""Features of each patch of each song, float16 (patches, width), by the backbone that computed them."""


@dataclass(frozen=True, slots=True)
class MomentPredictions:
    """Out-of-fold predictions of a system that hears each song whole, and by one moment.

    Attributes:
        whole: For each fold seed, the predictions of each fold with whole songs.
        moments: The same with a moment of each song.
    """

    whole: list[list[OutOfFoldPredictions]]
    moments: list[list[OutOfFoldPredictions]]


@dataclass(frozen=True, slots=True)
class MomentLoss:
    """Figures of both orders of some judged files.

    Attributes:
        songs: Number of judged songs.
        longer: Number of those that are longer than a moment; the others are heard whole both times.
        whole: The order by whole songs, at each fold seed.
        moments: The order by moments, at each fold seed.
        difference: Figures of the moments less those of whole songs.
    """

    songs: int
    longer: int
    whole: Sequence[MoodOrder]
    moments: Sequence[MoodOrder]
    difference: OrderDifference


def cut_moments(songs: Sequence[NDArray[np.float16]], seed: int) -> list[NDArray[np.float16]]:
    """Return one random moment of each song: `SEGMENT_PATCHES` patches in a row, or all of a shorter song.

    As in a library, a moment of which less than half sounds is taken only where there is no better one.

    Args:
        songs: For each song float16 (patches, width); silent patches are NaN.
        seed: Seed of the draws. The same songs and seed give the same moments, by whatever backbone the
            features are.
    """
    rng = np.random.default_rng(seed)
    moments = []
    for song in songs:
        span = segment_length(len(song))
        sounding = np.lib.stride_tricks.sliding_window_view(~is_silent(song), span).sum(axis=1)
        starts = np.flatnonzero(sounding >= min(span / 2, sounding.max()))
        start = int(starts[int(rng.random() * len(starts))])
        moments.append(song[start : start + span])
    return moments


def predict_moments(
    system: System,
    images: LabelledFeatures,
    music: LabelledFeatures,
    patches: Patches,
    seeds: Sequence[int],
    progress: Progress,
) -> MomentPredictions:
    """Train a system on all folds but one and score the remaining fold, by whole songs and by moments.

    Args:
        system: The system; it reads no raw input of music.
        images: Labelled pictures.
        music: Labelled music, with the features of whole songs.
        patches: Features of the patches of the same songs, in the same order.
        seeds: Fold seeds, each of which also draws other moments.
        progress: Notified after each fold.
    """
    progress.start(f"moments: {system.name}", len(seeds) * FOLDS)
    found = MomentPredictions([], [])
    for seed in seeds:
        heard = {
            backbone: average_features(cut_moments(songs, seed), backbone)
            for backbone, songs in patches.items()
        }
        moments = replace(music, features=heard)
        folds = [assign_folds(side.rows, side.kind, seed) for side in (images, music)]
        found.whole.append([])
        found.moments.append([])
        for fold in range(FOLDS):
            learnt_images, learnt_music = (np.flatnonzero(of != fold) for of in folds)
            held_images, held_music = (np.flatnonzero(of == fold) for of in folds)
            fitted = system.fit(images.take(learnt_images), music.take(learnt_music), seed)
            found.whole[-1].append(score(fitted, images, music, held_images, held_music, 0.0))
            found.moments[-1].append(score(fitted, images, moments, held_images, held_music, 0.0))
            progress.advance()
    progress.finish()
    return found


def measure_moment_loss(
    predictions: MomentPredictions, patches: Patches, judged: JudgedFiles
) -> MomentLoss | None:
    """Measure the order by mood of some files, by whole songs and by moments.

    Args:
        predictions: Predictions of all files.
        patches: Features of the patches of all songs.
        judged: Files that mood is judged on.

    Returns:
        The figures; None of a system that cannot score pairs across folds.
    """
    whole, moments = (measure_orders(by_seed, judged) for by_seed in (predictions.whole, predictions.moments))
    if not whole:
        return None
    songs = next(iter(patches.values()))
    return MomentLoss(
        songs=len(judged.music.positions),
        longer=sum(len(songs[position]) > SEGMENT_PATCHES for position in judged.music.positions),
        whole=whole,
        moments=moments,
        difference=compare_orders(moments, whole),
    )
