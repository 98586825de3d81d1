"""Comparison of systems that are trained and evaluated on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.core.progress import Progress

if TYPE_CHECKING:
    from attune.embedding.media_files import Kind
    from attune.embedding.onnx_session import Device
    from attune.training.comparison import SetFilter, SystemResult
    from attune.training.mood_comparison import JudgedFiles, SystemMood
    from attune.training.systems.base import Input, LabelledFeatures, System

ATTUNE_NAME = "Attune"
ACCURATE_NAME = "Attune, accurate"


@dataclass(frozen=True, slots=True)
class ComparisonData:
    """Labelled files of both modalities.

    Attributes:
        images: Pictures.
        music: Pieces of music.
    """

    images: LabelledFeatures
    music: LabelledFeatures


def place_on_device(chosen: Sequence[System], device: Device) -> list[System]:
    """Return the systems, those with networks that can be trained on a GPU on the given device.

    Raises:
        DeviceUnavailable: Torch has no GPU.
    """
    import torch

    from attune.embedding.onnx_session import DeviceUnavailable
    from attune.training.systems.pair_trainer import DeviceSystem

    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailable(
            device, "torch finds no GPU", "it needs an NVIDIA driver, and a torch that was built for CUDA"
        )
    return [system.with_device(device) if isinstance(system, DeviceSystem) else system for system in chosen]


def require_training_extra(*modules: str) -> None:
    """Raise AttuneError unless the modules of the extra `[train]` that a benchmark needs are installed."""
    import importlib

    from attune.core.errors import AttuneError

    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            raise AttuneError(
                f'this benchmark needs {error.name}: pip install "attune-affect[train]"'
            ) from error


def choose_mood_sets(image_sets: Sequence[str] | None, music_sets: Sequence[str] | None) -> SetFilter:
    """Return the data sets that mood is judged on: those that were given, or else the usual ones."""
    from attune.training.mood_comparison import MOOD_SETS

    return tuple(image_sets or MOOD_SETS[0]), tuple(music_sets or MOOD_SETS[1])


def choose_fold_seeds(seeds: Sequence[int] | None) -> tuple[int, ...]:
    """Return the fold seeds that were given, each once, or else the usual ones."""
    from attune.training.cross_validation import SEEDS

    return tuple(dict.fromkeys(seeds or SEEDS))


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
    labelled: ComparisonData, chosen: Sequence[System], seeds: Sequence[int], cache: Path, progress: Progress
) -> list[SystemResult]:
    """Cross-validate and evaluate every system, with the given fold seeds."""
    from attune.training.comparison import evaluate_system
    from attune.training.cross_validation import cross_validate

    images, music = labelled.images, labelled.music
    return [
        evaluate_system(
            system.name, cross_validate(system, images, music, seeds, cache, progress), images, music
        )
        for system in chosen
    ]


def select_mood_files(labelled: ComparisonData, sets: SetFilter) -> JudgedFiles:
    """Select the files of the sets that mood is judged on."""
    from attune.training.mood_comparison import select_judged

    return select_judged(labelled.images.rows, labelled.music.rows, sets)


def measure_mood_of_systems(system_results: Sequence[SystemResult], judged: JudgedFiles) -> list[SystemMood]:
    """Measure the order by mood of every system, and the controls that can be made of its outputs."""
    from attune.training.mood_comparison import measure_system_mood

    return [measure_system_mood(result, judged) for result in system_results]


def make_table_rows(
    system_results: Sequence[SystemResult],
    moods: Sequence[SystemMood],
    labelled: ComparisonData,
    focus: SetFilter,
) -> list[dict[str, Any]]:
    """Return one table row per system: metrics, intervals, mood, and the difference from Attune."""
    from attune.training.comparison import estimate_accuracy, estimate_accuracy_difference
    from attune.training.mood_comparison import judge_mood

    images, music = labelled.images, labelled.music
    references = {
        result.system: result for result in system_results if result.system in (ATTUNE_NAME, ACCURATE_NAME)
    }
    rows = []
    for result, mood in zip(system_results, moods, strict=True):
        row = {
            "system": result.system,
            "parameters": result.parameters,
            "fit_s": round(result.fit_s, 2),
            "pair_ms": round(result.pair_ms, 6),
            "accuracy": asdict(estimate_accuracy(result, images, music)),
            "focus": asdict(estimate_accuracy(result, images, music, focus)),
            "mood": judge_mood(mood),
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


def make_control_tables(moods: Sequence[SystemMood]) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of the controls by system, for the systems whose outputs they can be made of."""
    from attune.training.mood_comparison import judge_controls

    tables = {mood.system: judge_controls(mood) for mood in moods}
    return {system: rows for system, rows in tables.items() if rows}


def make_lead_tables(moods: Sequence[SystemMood]) -> dict[str, list[dict[str, Any]]]:
    """Return, by system, how far its order by mood is ahead of its controls and of the other systems."""
    from attune.training.mood_leads import format_difference, measure_leads

    return {
        system: [
            {"ahead_of": lead.ahead_of, "coverage_target": lead.coverage_target}
            | format_difference(lead.difference)
            for lead in leads
        ]
        for system, leads in measure_leads(moods).items()
    }


def describe_protocol(
    labelled: ComparisonData, rows: str, focus: SetFilter, mood: SetFilter, judged: JudgedFiles
) -> dict[str, Any]:
    """Return the protocol of a table: its rows, the number of files, the sets in focus and those of mood."""
    return {
        "rows": rows,
        "images": len(labelled.images),
        "music": len(labelled.music),
        "focus": {"image_sets": list(focus[0]), "music_sets": list(focus[1])},
        "mood": {
            "image_sets": list(mood[0]),
            "music_sets": list(mood[1]),
            "images": len(judged.images.positions),
            "music": len(judged.music.positions),
        },
    }


def evaluate_on_test(
    training_data: ComparisonData,
    test: ComparisonData,
    chosen: Sequence[System],
    previous_results: Sequence[SystemResult],
    cache: Path,
    progress: Progress,
) -> list[SystemResult]:
    """Evaluate every system on the test split, trained on train and val.

    The systems are calibrated on their out-of-fold pairs. Each evaluation is written to the log of test runs.

    Args:
        training_data: Files of train and val.
        test: Files of the test split.
        chosen: Systems to evaluate.
        previous_results: Out-of-fold results of the same systems, in the same order.
        cache: Folder where predictions are stored between runs.
        progress: Receives the number of finished systems.
    """
    from attune.training.calibration import CORRESPONDENCE, MOOD, fit_out_of_fold
    from attune.training.comparison import SystemResult
    from attune.training.cross_validation import predict_unseen
    from attune.training.evaluation_log import log_test_run
    from attune.training.evaluation_metrics import evaluate_scores
    from attune.training.metric_summary import summarize_seed
    from attune.training.pair_scores import PairScores
    from attune.training.source_digest import digest_system

    system_results = []
    learnt_from = training_data.images, training_data.music
    progress.start("test split", len(chosen))
    for system, before in zip(chosen, previous_results, strict=True):
        result = predict_unseen(system, *learnt_from, test.images, test.music, cache)
        held_out = [fold_result for results in before.results for fold_result in results]
        probabilities = fit_out_of_fold(held_out, *learnt_from, CORRESPONDENCE).apply(result.correspondence)
        mood = fit_out_of_fold(held_out, *learnt_from, MOOD).apply(result.scores)
        rows = test.images.rows, test.music.rows
        log_test_run(
            evaluate_scores(*rows, PairScores(result.scores, mood, probabilities), system.name),
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
