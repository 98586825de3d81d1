"""Training of a network on labelled images and music: cross-validate, calibrate, refit, export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attune.core.errors import MediaError, UsageError, escape_path
from attune.core.progress import Progress, SilentProgress
from attune.embedding.backbones import Backbone
from attune.embedding.media_files import Kind
from attune.embedding.onnx_session import Device
from attune.training.assign_folds import FOLDS
from attune.training.calibration import CORRESPONDENCE, MOOD, calibrate_out_of_fold, fit_out_of_fold
from attune.training.cross_validation import (
    SEEDS,
    OutOfFoldPredictions,
    cross_validate,
)
from attune.training.export import check_output_folder, write_network
from attune.training.manifest import TRAINING_SPLITS, LabelledRow, group_names
from attune.training.metric_summary import summarize_seed, summarize_seeds
from attune.training.mood_comparison import summarize_mood
from attune.training.readers import read_labelled
from attune.training.run_folder import average_reliability, write_run
from attune.training.source_digest import digest_system
from attune.training.system_inputs import load_labelled_features
from attune.training.systems.base import EmbeddingSystem, LabelledFeatures
from attune.training.systems.registry import find_embedding_system

DEFAULT_SYSTEM = "attune"
_EXAMPLE_COUNT = 64
_QUESTIONS = {"score": MOOD, "correspondence": CORRESPONDENCE}  # by the name of their curve in network.json


def train(
    images_from: Path,
    music_from: Path,
    out: Path,
    *,
    system: str = DEFAULT_SYSTEM,
    cache: Path,
    workers: int,
    progress: Progress | None = None,
    backbones: Mapping[Kind, Backbone] | None = None,
    device: Device = "cpu",
) -> list[MediaError]:
    """Train a network on the splits train and val of labelled media; other rows are not used.

    All figures are out of fold, and so are the probabilities that they are computed from. The exported towers
    are trained on all of train and val. The same rows and software versions give the same files, bit by bit.
    Features and fold results are cached, so that an interrupted run continues where it stopped.

    Args:
        images_from: Labelled images: a manifest, or a data set's folder.
        music_from: Labelled music: a manifest, or a data set's folder.
        out: Folder of the network: new, empty, or a network's folder, which is replaced.
        system: Name of a system that can embed (`attune.training.systems.registry`).
        cache: Folder where features and fold results are stored between runs.
        workers: Number of processes that extract features.
        progress: Notified of progress; silent by default.
        backbones: Backbones in place of the system's own, by modality; one that is not shipped is copied into
            the network's folder.
        device: Device that the backbones run on.

    Returns:
        The labelled files that could not be read and were left out.

    Raises:
        UsageError: There is no such system, the labels cannot be used or have too little data, or `out` holds
            other files.
    """
    listener = progress or SilentProgress()
    check_output_folder(out)
    method = find_embedding_system(system).with_backbones(backbones or {})
    image_rows, music_rows = read_training_rows(images_from, "image"), read_training_rows(music_from, "music")
    with _force_determinism():
        images, skipped_images = load_labelled_features(
            image_rows, "image", method.needs["image"], cache, workers, listener, device
        )
        music, skipped_music = load_labelled_features(
            music_rows, "music", method.needs["music"], cache, workers, listener, device
        )
        # The rows are checked again, since some of the files may be unreadable.
        check_enough_groups(images_from, images.rows)
        check_enough_groups(music_from, music.rows)
        by_seed = cross_validate(method, images, music, SEEDS, cache, listener)
        all_results = [predictions for results in by_seed for predictions in results]
        curves = {
            name: fit_out_of_fold(all_results, images, music, question)
            for name, question in _QUESTIONS.items()
        }
        listener.start("refit and export", None)
        fitted = method.fit(images, music, seed=0)
        probabilities_by_seed = calibrate_out_of_fold(by_seed, images, music, CORRESPONDENCE)
        record = {"system": system} | _build_training_record(method, images, music)
        figures = _summarize_metrics(by_seed, probabilities_by_seed, images, music)
        held_out_results = [
            (predictions.images, predictions.music, probabilities)
            for results, seed_probabilities in zip(by_seed, probabilities_by_seed, strict=True)
            for predictions, probabilities in zip(results, seed_probabilities, strict=True)
        ]
        write_network(
            out,
            {kind: fitted.tower(kind) for kind in method.backbones},
            {side.kind: _select_examples(side, method.backbones[side.kind]) for side in (images, music)},
            method.backbones,
            curves,
            {"training": record, "out_of_fold": figures},
            lambda run: write_run(
                run, record, figures, fitted.curve, average_reliability(held_out_results, images, music)
            ),
        )
        listener.finish()
    return skipped_images + skipped_music


def read_training_rows(source: Path, kind: Kind) -> list[LabelledRow]:
    """Read the rows to train on: train and val, or all rows if no row names a split.

    Raises:
        UsageError: The source cannot be used, or has too few groups.
    """
    rows = read_labelled(source, kind)
    if any(row.split for row in rows):
        rows = [row for row in rows if row.split in TRAINING_SPLITS]
    if not rows:
        raise UsageError(f"{escape_path(source)}: no rows of the splits {' and '.join(TRAINING_SPLITS)}")
    check_enough_groups(source, rows)
    return rows


def check_enough_groups(source: Path, rows: Sequence[LabelledRow]) -> None:
    """Raise UsageError unless two polarities have a group for every fold of the cross-validation."""
    groups: dict[str, set[str]] = {}
    for row, group in zip(rows, group_names(rows), strict=True):
        if row.polarity is not None:
            groups.setdefault(row.polarity, set()).add(group)
    enough = sorted(polarity for polarity, names in groups.items() if len(names) >= FOLDS)
    if len(enough) < 2:
        raise UsageError(
            f"{escape_path(source)}: not enough labelled data: at least two polarities are needed, each with "
            f"{FOLDS} groups in train and val (found: {', '.join(enough) or 'none'})"
        )


def _select_examples(side: LabelledFeatures, backbone: Backbone) -> NDArray[np.float32]:
    """Return a backbone's features of some files, without the block that was appended to them."""
    features = side.features[backbone]
    return features.layout.select(features.values[:_EXAMPLE_COUNT], backbone.layout.names)


def _summarize_metrics(
    by_seed: Sequence[Sequence[OutOfFoldPredictions]],
    probabilities_by_seed: Sequence[Sequence[NDArray[np.float64]]],
    images: LabelledFeatures,
    music: LabelledFeatures,
) -> dict[str, float]:
    mood_by_seed = calibrate_out_of_fold(by_seed, images, music, MOOD)
    return summarize_seeds(
        [
            summarize_seed(results, probabilities, images.rows, music.rows)
            | summarize_mood(results, mood_probabilities, images, music)
            for results, probabilities, mood_probabilities in zip(
                by_seed, probabilities_by_seed, mood_by_seed, strict=True
            )
        ]
    )


def _build_training_record(
    system: EmbeddingSystem, images: LabelledFeatures, music: LabelledFeatures
) -> dict[str, Any]:
    return {
        "folds": FOLDS,
        "seeds": list(SEEDS),
        "version": digest_system(system),
        **system.hyperparameters,
        "backbones": {kind: backbone.id for kind, backbone in system.backbones.items()},
        "rows": {side.kind: _count_rows(side) for side in (images, music)},
    }


def _count_rows(side: LabelledFeatures) -> dict[str, Any]:
    sets = sorted({row.set for row in side.rows})
    return {
        "all": len(side),
        "with polarity": int((side.targets.polarity >= 0).sum()),
        "sets": {name: sum(row.set == name for row in side.rows) for name in sets},
    }


@contextlib.contextmanager
def _force_determinism() -> Iterator[None]:
    """Limit torch to one thread and to deterministic algorithms, so that sums are taken in the same order."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
