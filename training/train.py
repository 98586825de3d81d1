"""Labelled images and music become a network folder: cross-validate, calibrate, refit, export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import MediaError, UsageError, printable
from core.progress import Progress, SilentProgress
from embedding.backbones import BACKBONES
from embedding.media import Kind
from training.calibration import fit_probability, fit_reading
from training.crossval import FOLDS, Block, HeldOut, Side, blocks, hold_out
from training.export import refuse_foreign, write_network
from training.features import Gathered, features_of
from training.figures import labelled_pairs, seed_figures, summary
from training.fit import Recipe, fit_heads
from training.losses import Targets, targets_of
from training.manifest import LEARNT_FROM, Row, read_manifest
from training.systems.attune import SHAPE, Space, Tower

SEEDS = (0, 1, 2)
"""Seeds of the folds: every out-of-fold figure is a mean over these."""

RECIPES: dict[Kind, Recipe] = {
    "image": Recipe(l2=1.0, point_share=0.15, gains=((0, 1280, 0.5),)),
    "music": Recipe(l2=0.1, point_share=0.3),
}

_MUSIC_SEED = 100  # folds of the music are dealt independently of the images'
_EXAMPLES = 64


def train(
    images_csv: Path,
    music_csv: Path,
    out: Path,
    *,
    cache: Path,
    workers: int,
    progress: Progress | None = None,
) -> list[MediaError]:
    """Train a network on the splits train and val of two manifests; no other row is read.

    Figures are out of fold; the two numbers of the calibration are fitted on the same pairs that the
    calibration error is then taken on. The towers that are written have seen all of train and val.
    The same rows and versions give the same files, bit by bit.

    Args:
        images_csv: Manifest of labelled images.
        music_csv: Manifest of labelled music.
        out: Folder of the network: new, empty, or a network's that is to be replaced.
        cache: Folder where backbone features are kept between runs.
        workers: Processes that extract features.
        progress: Told how far it is; nobody by default.

    Returns:
        The labelled files that could not be read and were left out.

    Raises:
        UsageError: The manifests cannot be used or have too little data, or `out` holds other files.
    """
    listener = progress or SilentProgress()
    refuse_foreign(out)
    image_rows, music_rows = _labelled(images_csv), _labelled(music_csv)
    with _reproducible():
        seen = features_of(image_rows, "image", cache, workers, listener)
        heard = features_of(music_rows, "music", cache, workers, listener)
        images, music = _side("image", images_csv, seen), _side("music", music_csv, heard)
        listener.start("cross-validation", 2 * FOLDS * len(SEEDS))
        held = [
            (hold_out(images, seed, listener), hold_out(music, _MUSIC_SEED + seed, listener))
            for seed in SEEDS
        ]
        listener.finish()
        by_seed = [blocks(images, music, *one) for one in held]
        calibration = fit_probability(
            *labelled_pairs([block for one in by_seed for block in one], images.targets, music.targets)
        )
        listener.start("refit and export", None)
        towers = (
            _final_tower(images, [one[0] for one in held]),
            _final_tower(music, [one[1] for one in held]),
        )
        examples = images.features[:_EXAMPLES], music.features[:_EXAMPLES]
        facts = {
            "training": _record(images, music),
            "out_of_fold": _figures(by_seed, images, music, calibration),
        }
        write_network(out, towers, examples, calibration, facts)
        listener.finish()
    return seen.skipped + heard.skipped


def _labelled(csv_path: Path) -> list[Row]:
    """Read the rows to learn from: train and val, or all where the manifest names no splits."""
    rows = read_manifest(csv_path)
    if any(row.split for row in rows):
        rows = [row for row in rows if row.split in LEARNT_FROM]
    if not rows:
        raise UsageError(f"{printable(csv_path)}: no rows of the splits {' and '.join(LEARNT_FROM)}")
    _refuse_too_little(csv_path, rows)
    return rows


def _refuse_too_little(csv_path: Path, rows: list[Row]) -> None:
    groups: dict[str, set[str]] = {}
    for row in rows:
        if row.polarity is not None:
            groups.setdefault(row.polarity, set()).add(f"{row.set}/{row.group}")
    enough = sorted(polarity for polarity, of_it in groups.items() if len(of_it) >= FOLDS)
    if len(enough) < 2:
        raise UsageError(
            f"{printable(csv_path)}: too little to learn from: at least two polarities are needed, each with "
            f"{FOLDS} groups in train and val (found: {', '.join(enough) or 'none'})"
        )


def _side(kind: Kind, csv_path: Path, gathered: Gathered) -> Side:
    rows = gathered.rows
    _refuse_too_little(csv_path, rows)  # once more: some of the files may have turned out unreadable
    # The heads are linear: what they say of a track is the mean of what they say of its moments.
    features = np.stack([one.astype(np.float32).mean(axis=0) for one in gathered.features])
    return Side(kind, rows, targets_of(rows), features, RECIPES[kind])


def _final_tower(side: Side, held: list[HeldOut]) -> Tower:
    """Learn from all rows; how the outputs are read comes from the rows held out, over all seeds."""
    everything = side.targets[np.tile(np.arange(len(side.rows)), len(held))]
    reading = fit_reading(np.concatenate([one.raw for one in held]), everything)
    return Tower(fit_heads(side.features, side.targets, side.recipe), Space(reading, side.kind))


def _figures(
    by_seed: list[list[Block]], images: Side, music: Side, calibration: tuple[float, float]
) -> dict[str, float]:
    slope, intercept = calibration

    def probability(inner: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * (slope * inner + intercept))))

    return summary([seed_figures(one, images.rows, music.rows, probability) for one in by_seed])


def _record(images: Side, music: Side) -> dict[str, Any]:
    return {
        "folds": FOLDS,
        "seeds": list(SEEDS),
        "shape": asdict(SHAPE),
        "recipes": {side.kind: asdict(side.recipe) for side in (images, music)},
        "backbones": {kind: backbone.id for kind, backbone in BACKBONES.items()},
        "rows": {side.kind: _counts(side.rows, side.targets) for side in (images, music)},
    }


def _counts(rows: Any, targets: Targets) -> dict[str, Any]:
    sets = sorted({row.set for row in rows})
    return {
        "all": len(rows),
        "with polarity": int((targets.polarity >= 0).sum()),
        "sets": {name: sum(row.set == name for row in rows) for name in sets},
    }


@contextlib.contextmanager
def _reproducible() -> Iterator[None]:
    """Hold torch to one thread and to deterministic algorithms; sums in another order give other bits."""
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)
