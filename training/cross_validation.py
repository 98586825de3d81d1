"""Cross-validation within train and val: out-of-fold predictions, stored fold by fold.

Model selection, calibration (`attune.training.calibration`) and tables all use these predictions. Those of
each fold are stored in a file and not computed again: an interrupted run continues, and a new figure needs no
new training. The key of a file is the source and parameters of the system (`attune.training.source_digest`)
and the labelled data. Predictions for other rows by a system that is trained on all of these are stored too.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.core.atomic_files import atomic_write
from attune.core.progress import Progress
from attune.embedding.backbones import Backbone
from attune.training.assign_folds import FOLDS, assign_folds
from attune.training.source_digest import digest_system
from attune.training.systems.base import (
    CorrespondenceEstimator,
    Embeddings,
    FittedSystem,
    LabelledFeatures,
    System,
)

SEEDS = (0, 1, 2)
"""Seeds of the fold assignment; every out-of-fold figure is a mean over these."""


@dataclass(frozen=True, slots=True)
class OutOfFoldPredictions:
    """Predictions of a system for images and music that it was not trained on.

    Attributes:
        images: int64 (I,) positions of the image rows.
        music: int64 (M,) positions of the music rows.
        scores: float32 (I, M), not calibrated; answers are ordered by them.
        correspondence: float32 (I, M), not calibrated, whether polarities are equal; the scores, unless the
            system is a `CorrespondenceEstimator`.
        image_vectors: float32 (I, D); D is 0 where the system only scores pairs.
        music_vectors: float32 (M, D).
        image_affect: float32 (I, K), columns as in `attune.embedding.affect`; (I, 0) where the system
            does not predict affect.
        music_affect: float32 (M, K), or (M, 0).
        parameters: Number of learnt parameters.
        fit_s: Training time in seconds.
        pair_ms: Scoring time in milliseconds per pair, without feature extraction.
    """

    images: NDArray[np.int64]
    music: NDArray[np.int64]
    scores: NDArray[np.float32]
    correspondence: NDArray[np.float32]
    image_vectors: NDArray[np.float32]
    music_vectors: NDArray[np.float32]
    image_affect: NDArray[np.float32]
    music_affect: NDArray[np.float32]
    parameters: int
    fit_s: float
    pair_ms: float


def cross_validate(
    system: System,
    images: LabelledFeatures,
    music: LabelledFeatures,
    seeds: Sequence[int],
    cache: Path,
    progress: Progress,
) -> list[list[OutOfFoldPredictions]]:
    """Train a system on all folds but one and score the remaining fold, for each fold and seed.

    Args:
        system: The system.
        images: Labelled pictures.
        music: Labelled music.
        seeds: Fold seeds.
        cache: Folder where results are stored between runs.
        progress: Notified after each fold.

    Returns:
        For each seed, the predictions of each fold.

    Raises:
        UsageError: There are fewer groups than folds.
    """
    fold_assignments = {
        (side.kind, seed): assign_folds(side.rows, side.kind, seed)
        for side in (images, music)
        for seed in seeds
    }
    folder = _find_folder(system, images, music, cache)
    progress.start(f"cross-validation: {system.name}", len(seeds) * FOLDS)
    results = []
    for seed in seeds:
        seed_results = []
        for fold in range(FOLDS):
            file = folder / f"{seed}-{fold}.npz"
            if not file.is_file():
                held_out_images, held_out_music = (
                    fold_assignments[side.kind, seed] == fold for side in (images, music)
                )
                fitted, seconds = _time_fit(
                    system,
                    images.take(np.flatnonzero(~held_out_images)),
                    music.take(np.flatnonzero(~held_out_music)),
                    seed,
                )
                positions = np.flatnonzero(held_out_images), np.flatnonzero(held_out_music)
                _save(score(fitted, images, music, *positions, seconds), file)
            seed_results.append(_load(file))
            progress.advance()
        results.append(seed_results)
    progress.finish()
    return results


def predict_unseen(
    system: System,
    images: LabelledFeatures,
    music: LabelledFeatures,
    unseen_images: LabelledFeatures,
    unseen_music: LabelledFeatures,
    cache: Path,
) -> OutOfFoldPredictions:
    """Train a system on all labelled files and score others, such as those of the split test.

    Args:
        system: The system.
        images: Labelled pictures to train on.
        music: Labelled music to train on.
        unseen_images: Labelled pictures to score.
        unseen_music: Labelled music to score.
        cache: Folder where the predictions are stored between runs.

    Returns:
        The predictions for all of the unseen files.
    """
    unseen = _digest_inputs(system, unseen_images, unseen_music)
    file = _find_folder(system, images, music, cache) / f"unseen-{unseen}.npz"
    if not file.is_file():
        fitted, seconds = _time_fit(system, images, music, seed=0)
        positions = np.arange(len(unseen_images)), np.arange(len(unseen_music))
        _save(score(fitted, unseen_images, unseen_music, *positions, seconds), file)
    return _load(file)


def score(
    fitted: FittedSystem,
    images: LabelledFeatures,
    music: LabelledFeatures,
    image_positions: NDArray[np.int64],
    music_positions: NDArray[np.int64],
    fit_s: float,
) -> OutOfFoldPredictions:
    """Return a fitted system's predictions for some rows.

    Args:
        fitted: The system.
        images: All labelled pictures.
        music: All labelled music.
        image_positions: Positions of the pictures to score, int64 (I,).
        music_positions: Positions of the music to score, int64 (M,).
        fit_s: Training time in seconds, which is stored with the predictions.
    """
    scored_images, scored_music = images.take(image_positions), music.take(music_positions)
    started = time.perf_counter()
    scores = fitted.scores(scored_images, scored_music)
    milliseconds = 1000.0 * (time.perf_counter() - started) / max(scores.size, 1)
    correspondence = (
        fitted.correspondence(scored_images, scored_music)
        if isinstance(fitted, CorrespondenceEstimator)
        else scores
    )
    image_side, music_side = (
        _fill_missing_embeddings(fitted.embed(side), len(side)) for side in (scored_images, scored_music)
    )
    return OutOfFoldPredictions(
        image_positions,
        music_positions,
        scores,
        correspondence,
        image_side.vectors,
        music_side.vectors,
        _fill_missing_affect(image_side),
        _fill_missing_affect(music_side),
        fitted.parameters,
        fit_s,
        milliseconds,
    )


def _time_fit(
    system: System, images: LabelledFeatures, music: LabelledFeatures, seed: int
) -> tuple[FittedSystem, float]:
    """Return the system, trained, and the seconds that this took."""
    started = time.perf_counter()
    return system.fit(images, music, seed), time.perf_counter() - started


def _fill_missing_embeddings(projected: Embeddings | None, count: int) -> Embeddings:
    return Embeddings(np.zeros((count, 0), np.float32)) if projected is None else projected


def _fill_missing_affect(side: Embeddings) -> NDArray[np.float32]:
    return np.zeros((len(side.vectors), 0), np.float32) if side.affect is None else side.affect


def _find_folder(system: System, images: LabelledFeatures, music: LabelledFeatures, cache: Path) -> Path:
    """Return where the results of a system that is trained on these files are stored."""
    return cache / "systems" / f"{digest_system(system, __name__)}-{_digest_inputs(system, images, music)}"


def _digest_inputs(system: System, images: LabelledFeatures, music: LabelledFeatures) -> str:
    """Return a digest of the labelled data: rows in order, labels, inputs that are read and their blocks."""
    digest = hashlib.sha256()
    for side in (images, music):
        for row in side.rows:
            digest.update(f"{row.set}/{row.group}/{row.polarity}/{row.quadrant}\n".encode())
        digest.update(side.targets.points.tobytes())
        for name in system.needs[side.kind]:
            digest.update(np.ascontiguousarray(side.values(name)).tobytes())
            if isinstance(name, Backbone):
                digest.update(repr(side.features[name].layout).encode())
    return digest.hexdigest()[:16]


def _save(result: OutOfFoldPredictions, file: Path) -> None:
    arrays = {field.name: np.asarray(getattr(result, field.name)) for field in fields(OutOfFoldPredictions)}
    file.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(file) as temporary, temporary.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)


def _load(file: Path) -> OutOfFoldPredictions:
    with np.load(file, allow_pickle=False) as stored:
        arrays = {field.name: stored[field.name] for field in fields(OutOfFoldPredictions)}
    numbers = {name: arrays.pop(name).item() for name in ("parameters", "fit_s", "pair_ms")}
    return OutOfFoldPredictions(**arrays, **numbers)
