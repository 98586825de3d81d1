"""Comparison of systems that are trained and evaluated on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.core.progress import Progress

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind
    from attune.training.comparison import SetFilter, SystemResult
    from attune.training.systems.base import Input, LabelledFeatures, System

ATTUNE_NAME = "Attune"
ACCURATE_NAME = "Attune, accurate"
FULL_LENGTHS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
"""Quantiles of the pictures' posterior lengths that count as full length in the trade-off. 0 gives the most
distinct results, 1 those of the product of posteriors."""


@dataclass(frozen=True, slots=True)
class ComparisonData:
    """Labelled files of both modalities.

    Attributes:
        images: Pictures.
        music: Pieces of music.
    """

    images: LabelledFeatures
    music: LabelledFeatures


def read_comparison_data(
    images_from: Path,
    music_from: Path,
    chosen: Sequence[System],
    cache: Path,
    workers: int,
    progress: Progress,
    split: str | None = None,
) -> ComparisonData:
    """Read the inputs of the chosen systems.

    Args:
        images_from: Manifest, or folder of a data set of pictures.
        music_from: Manifest, or folder of a data set of music.
        chosen: Systems whose inputs are read.
        cache: Folder of cached inputs.
        workers: Number of worker processes.
        progress: Receives the number of files.
        split: Split whose rows are read; None: train and val.
    """
    from attune.training.readers import read_labelled
    from attune.training.system_inputs import load_labelled_features
    from attune.training.train import read_training_rows

    sources: dict[Kind, Path] = {"image": images_from, "music": music_from}
    sides = []
    for kind, source in sources.items():
        rows = read_training_rows(source, kind) if split is None else read_labelled(source, kind, split)
        needed = [name for system in chosen for name in system.needs[kind]]
        side, _ = load_labelled_features(rows, kind, needed, cache, workers, progress)
        sides.append(side)
    return ComparisonData(*sides)


def evaluate_out_of_fold(
    labelled: ComparisonData, chosen: Sequence[System], cache: Path, progress: Progress
) -> list[SystemResult]:
    """Cross-validate and evaluate every system."""
    from attune.training.comparison import evaluate_system
    from attune.training.cross_validation import SEEDS, cross_validate

    images, music = labelled.images, labelled.music
    return [
        evaluate_system(
            system.name, cross_validate(system, images, music, SEEDS, cache, progress), images, music
        )
        for system in chosen
    ]


def make_table_rows(
    system_results: Sequence[SystemResult], labelled: ComparisonData, focus: SetFilter
) -> list[dict[str, Any]]:
    """Return one table row per system: metrics, intervals, and the difference from Attune."""
    from attune.training.comparison import estimate_accuracy, estimate_accuracy_difference

    images, music = labelled.images, labelled.music
    references = {
        result.system: result for result in system_results if result.system in (ATTUNE_NAME, ACCURATE_NAME)
    }
    rows = []
    for result in system_results:
        row = {
            "system": result.system,
            "parameters": result.parameters,
            "fit_s": round(result.fit_s, 2),
            "pair_ms": round(result.pair_ms, 6),
            "accuracy": asdict(estimate_accuracy(result, images, music)),
            "focus": asdict(estimate_accuracy(result, images, music, focus)),
            "figures": result.figures,
        }
        for name, suffix in ((ATTUNE_NAME, ""), (ACCURATE_NAME, "_accurate")):
            if name in references and result.system != name:
                row[f"behind{suffix}"] = asdict(
                    estimate_accuracy_difference(references[name], result, images, music)
                )
                row[f"behind{suffix}_focus"] = asdict(
                    estimate_accuracy_difference(references[name], result, images, music, focus)
                )
        rows.append(row)
    return rows


def describe_protocol(labelled: ComparisonData, rows: str, focus: SetFilter) -> dict[str, Any]:
    """Return the protocol of a table: its rows, the number of files, and the sets in focus."""
    return {
        "rows": rows,
        "images": len(labelled.images),
        "music": len(labelled.music),
        "focus": {"image_sets": list(focus[0]), "music_sets": list(focus[1])},
    }


def measure_trade_off(labelled: ComparisonData, progress: Progress) -> list[dict[str, float]]:
    """Return Attune's precision, coverage and hub lift for each value of `image_full`.

    One fold seed is used. The heads are trained once per fold; only the kernel map on top of them changes.
    """
    import numpy as np

    from attune.training.assign_folds import FOLDS, assign_folds
    from attune.training.cross_validation import score
    from attune.training.metric_summary import compute_fold_metrics
    from attune.training.systems.attune.system import Attune

    images, music = labelled.images, labelled.music
    fold_numbers = [assign_folds(side.rows, side.kind, 0) for side in (images, music)]
    progress.start("trade-off", FOLDS)
    figures_by_length: dict[float, list[dict[str, float]]] = {}
    system = Attune()
    for fold in range(FOLDS):
        (train_images, test_images), (train_music, test_music) = (
            (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for folds in fold_numbers
        )
        fitted = system.fit(images.take(train_images), music.take(train_music), 0)
        for full in FULL_LENGTHS:
            reshaped = replace(fitted, kernel_config=replace(fitted.kernel_config, image_full=full))
            result = score(reshaped, images, music, test_images, test_music, 0.0)
            figures_by_length.setdefault(full, []).append(
                compute_fold_metrics(result, np.full(result.scores.shape, 0.5), images.rows, music.rows)
            )
        progress.advance()
    progress.finish()
    wanted = ("p@10", "coverage", "hub lift")
    return [
        {"image_full": full}
        | {name: float(np.mean([metrics[f"music to image {name}"] for metrics in folds])) for name in wanted}
        for full, folds in figures_by_length.items()
    ]


def evaluate_on_test(
    training_data: ComparisonData,
    test: ComparisonData,
    chosen: Sequence[System],
    previous_results: Sequence[SystemResult],
    progress: Progress,
) -> list[SystemResult]:
    """Evaluate every system on the test split, trained on train and val.

    The systems are calibrated on their out-of-fold pairs. Each evaluation is written to the log of test runs.

    Args:
        training_data: Files of train and val.
        test: Files of the test split.
        chosen: Systems to evaluate.
        previous_results: Out-of-fold results of the same systems, in the same order.
        progress: Receives the number of finished systems.
    """
    import time

    import numpy as np

    from attune.training.calibration import fit_platt_scaling
    from attune.training.comparison import SystemResult
    from attune.training.cross_validation import apply_platt_scaling, collect_labelled_pairs, score
    from attune.training.evaluation_log import log_test_run
    from attune.training.evaluation_metrics import evaluate_scores
    from attune.training.metric_summary import summarize_seed
    from attune.training.source_digest import digest_system

    system_results = []
    every = [np.arange(len(side), dtype=np.int64) for side in (test.images, test.music)]
    progress.start("test split", len(chosen))
    for system, before in zip(chosen, previous_results, strict=True):
        started = time.perf_counter()
        fitted = system.fit(training_data.images, training_data.music, 0)
        seconds = time.perf_counter() - started
        result = score(fitted, test.images, test.music, every[0], every[1], seconds)
        held_out = [fold_result for results in before.results for fold_result in results]
        probabilities = apply_platt_scaling(
            result.scores,
            *fit_platt_scaling(*collect_labelled_pairs(held_out, training_data.images, training_data.music)),
        )
        rows = test.images.rows, test.music.rows
        log_test_run(
            evaluate_scores(*rows, probabilities, system.name, ranked_by=result.scores),
            f"{system.name} {digest_system(system)}",
        )
        system_results.append(
            SystemResult(
                system.name, [[result]], [[probabilities]], summarize_seed([result], [probabilities], *rows)
            )
        )
        progress.advance()
    progress.finish()
    return system_results


def probe_raw_inputs(labelled: ComparisonData) -> dict[str, dict[str, float]]:
    """Return the accuracy of a linear probe for polarity on the raw inputs of the systems.

    As for the systems, the probe is measured inside each held-out fold; one fold seed is used.
    """
    import numpy as np

    from attune.embedding.backbones import DEFAULT_BACKBONES
    from attune.training.assign_folds import FOLDS, assign_folds
    from attune.training.manifest import group_names, polarity_codes
    from attune.training.metrics import measure_probe

    inputs: dict[str, tuple[LabelledFeatures, Input]] = {
        f"{side.kind} features": (side, DEFAULT_BACKBONES[side.kind])
        for side in (labelled.images, labelled.music)
    }
    if "descriptors" in labelled.music.raw:
        inputs["music descriptors"] = labelled.music, "descriptors"
    probe_results: dict[str, dict[str, float]] = {}
    for name, (side, wanted) in inputs.items():
        folds = assign_folds(side.rows, side.kind, 0)
        found = []
        for fold in range(FOLDS):
            held_out = side.take(np.flatnonzero(folds == fold))
            vectors = np.asarray(held_out.values(wanted), np.float64)
            vectors = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-6)
            found.append(measure_probe(vectors, polarity_codes(held_out.rows), group_names(held_out.rows)))
        probe_results[name] = {
            "accuracy": float(np.mean([probe.accuracy for probe in found])),
            "balanced": float(np.mean([probe.balanced_accuracy for probe in found])),
        }
    return probe_results
