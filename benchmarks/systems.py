"""The systems of the comparison, trained and judged on the same rows: tables, JSON and plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.core.progress import Progress

if TYPE_CHECKING:
    from attune.embedding.media import Kind
    from attune.training.comparison import Focus, Standing
    from attune.training.systems.system import Material, System

OURS = "Attune"
ACCURATE = "Attune, accurate"
FULL_LENGTHS = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
"""Quantiles of the pictures' sureness that count as full: 0 spreads answers widest, 1 as the product does."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled files of both modalities."""

    images: Material
    music: Material


def systems() -> list[System]:
    """Return the three references and the systems, the weakest first."""
    from attune.training.systems.acp_net import ON_OUR_FEATURES, AcpNet
    from attune.training.systems.attune import ACCURATELY, Attune
    from attune.training.systems.chance import Chance
    from attune.training.systems.l3_net import L3Net
    from attune.training.systems.polarity_sum import PolaritySum
    from attune.training.systems.spectrogram_acp import SpectrogramAcp

    return [
        Chance(),
        L3Net(),
        SpectrogramAcp(),
        AcpNet(),
        ON_OUR_FEATURES,
        PolaritySum(),
        Attune(),
        ACCURATELY,
    ]


def gather(
    images_from: Path,
    music_from: Path,
    chosen: Sequence[System],
    cache: Path,
    workers: int,
    progress: Progress,
    split: str | None = None,
) -> Labelled:
    """Read what the chosen systems need; rows of train and val, or of one split."""
    from attune.embedding.backbones import BACKBONES
    from attune.training.inputs import material
    from attune.training.readers import read_labelled
    from attune.training.train import learnable

    sources: dict[Kind, Path] = {"image": images_from, "music": music_from}
    sides = []
    for kind, source in sources.items():
        rows = learnable(source, kind) if split is None else read_labelled(source, kind, split)
        names = sorted({name for system in chosen for name in system.needs[kind]})
        side, _ = material(rows, BACKBONES[kind], names, cache, workers, progress)
        sides.append(side)
    return Labelled(*sides)


def out_of_fold(
    labelled: Labelled, chosen: Sequence[System], cache: Path, progress: Progress
) -> list[Standing]:
    """Cross-validate every system and judge it."""
    from attune.training.comparison import standing
    from attune.training.crossval import SEEDS, cross_validate

    images, music = labelled.images, labelled.music
    return [
        standing(one.name, cross_validate(one, images, music, SEEDS, cache, progress), images, music)
        for one in chosen
    ]


def rows_of(standings: Sequence[Standing], labelled: Labelled, focus: Focus) -> list[dict[str, Any]]:
    """Return a row of the table for each standing: figures, intervals, how far it is behind Attune's."""
    from attune.training.comparison import accuracy, lead

    images, music = labelled.images, labelled.music
    ours = {one.system: one for one in standings if one.system in (OURS, ACCURATE)}
    rows = []
    for one in standings:
        row = {
            "system": one.system,
            "parameters": one.parameters,
            "fit_s": round(one.fit_s, 2),
            "pair_ms": round(one.pair_ms, 6),
            "accuracy": asdict(accuracy(one, images, music)),
            "focus": asdict(accuracy(one, images, music, focus)),
            "figures": one.figures,
        }
        for name, suffix in ((OURS, ""), (ACCURATE, "_accurate")):
            if name in ours and one.system != name:
                row[f"behind{suffix}"] = asdict(lead(ours[name], one, images, music))
                row[f"behind{suffix}_focus"] = asdict(lead(ours[name], one, images, music, focus))
        rows.append(row)
    return rows


def protocol(labelled: Labelled, rows: str, focus: Focus) -> dict[str, Any]:
    """Return what a table's figures stand on."""
    return {
        "rows": rows,
        "images": len(labelled.images),
        "music": len(labelled.music),
        "focus": {"image_sets": list(focus[0]), "music_sets": list(focus[1])},
    }


def trade_off(labelled: Labelled, progress: Progress) -> list[dict[str, float]]:
    """Return what Attune gives up of precision for distinctness, as the space's shape is changed.

    One fold seed; heads are learnt once a fold, and only the space over them changes.
    """
    import numpy as np

    from attune.training.crossval import score
    from attune.training.figures import result_figures
    from attune.training.folds import FOLDS, deal
    from attune.training.systems.attune import Attune

    images, music = labelled.images, labelled.music
    dealt = [deal(side.rows, side.kind, 0) for side in (images, music)]
    progress.start("trade-off", FOLDS)
    told: dict[float, list[dict[str, float]]] = {}
    system = Attune()
    for fold in range(FOLDS):
        (learn_i, held_i), (learn_m, held_m) = (
            (np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for folds in dealt
        )
        fitted = system.fit(images.take(learn_i), music.take(learn_m), 0)
        for full in FULL_LENGTHS:
            reshaped = replace(fitted, shape=replace(fitted.shape, image_full=full))
            result = score(reshaped, images, music, held_i, held_m, 0.0)
            told.setdefault(full, []).append(
                result_figures(result, np.full(result.scores.shape, 0.5), images.rows, music.rows)
            )
        progress.advance()
    progress.finish()
    wanted = ("p@10", "coverage", "hub lift")
    return [
        {"image_full": full}
        | {name: float(np.mean([one[f"music to image {name}"] for one in folds])) for name in wanted}
        for full, folds in told.items()
    ]


def on_test(
    learnt: Labelled, test: Labelled, chosen: Sequence[System], known: Sequence[Standing], progress: Progress
) -> list[Standing]:
    """Fit every system on train and val, calibrate it on its out-of-fold pairs, and judge the test split.

    Each look is written to the log of test runs.
    """
    import time

    import numpy as np

    from attune.training.calibration import fit_probability
    from attune.training.comparison import Standing
    from attune.training.crossval import labelled_pairs, probability, score
    from attune.training.evaluate import evaluate_scores
    from attune.training.figures import seed_figures
    from attune.training.run_log import log_test_run

    standings = []
    every = [np.arange(len(side), dtype=np.int64) for side in (test.images, test.music)]
    progress.start("test split", len(chosen))
    for system, before in zip(chosen, known, strict=True):
        started = time.perf_counter()
        fitted = system.fit(learnt.images, learnt.music, 0)
        seconds = time.perf_counter() - started
        result = score(fitted, test.images, test.music, every[0], every[1], seconds)
        held_out = [one for results in before.results for one in results]
        told = probability(
            result.scores, *fit_probability(*labelled_pairs(held_out, learnt.images, learnt.music))
        )
        rows = test.images.rows, test.music.rows
        log_test_run(
            evaluate_scores(*rows, told, system.name, ranked_by=result.scores),
            f"{system.name} {system.version}",
        )
        standings.append(Standing(system.name, [[result]], [[told]], seed_figures([result], [told], *rows)))
        progress.advance()
    progress.finish()
    return standings


def raw_probes(labelled: Labelled) -> dict[str, dict[str, float]]:
    """Return how well a linear probe reads polarity from what systems are given, beside their spaces.

    One fold seed, and inside each held-out fold, as for the systems.
    """
    import numpy as np

    from attune.training.folds import FOLDS, deal
    from attune.training.manifest import polarity_codes
    from attune.training.metrics import probe_quality

    told: dict[str, dict[str, float]] = {}
    for side in (labelled.images, labelled.music):
        folds = deal(side.rows, side.kind, 0)
        for name in ("features", "descriptors"):
            if name not in side.inputs:
                continue
            found = []
            for fold in range(FOLDS):
                held = side.take(np.flatnonzero(folds == fold))
                groups = [f"{row.set}/{row.group}" for row in held.rows]
                vectors = np.asarray(held.inputs[name], np.float64)
                vectors = (vectors - vectors.mean(axis=0)) / (vectors.std(axis=0) + 1e-6)
                found.append(probe_quality(vectors, polarity_codes(held.rows), groups))
            told[f"{side.kind} {name}"] = {
                "accuracy": float(np.mean([one.accuracy for one in found])),
                "balanced": float(np.mean([one.balanced_accuracy for one in found])),
            }
    return told
