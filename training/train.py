"""Labelled images and music become a network folder: cross-validate, calibrate, refit, export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attune.core.errors import MediaError, UsageError, printable
from attune.core.progress import Progress, SilentProgress
from attune.embedding.backbones import BACKBONES, Backbone
from attune.embedding.media import Kind
from attune.embedding.session import Device
from attune.training.calibration import fit_probability
from attune.training.crossval import SEEDS, Result, calibrated, cross_validate, labelled_pairs
from attune.training.export import refuse_foreign, write_network
from attune.training.figures import seed_figures, summary
from attune.training.folds import FOLDS
from attune.training.inputs import material
from attune.training.manifest import LEARNT_FROM, Row
from attune.training.readers import read_labelled
from attune.training.run_folder import held_out_reliability, write_run
from attune.training.semantics import widening
from attune.training.systems.attune import Attune, attune_for
from attune.training.systems.system import Input, Material

_EXAMPLES = 64
_READ: tuple[Input, ...] = ("features",)


def train(
    images_from: Path,
    music_from: Path,
    out: Path,
    *,
    cache: Path,
    workers: int,
    progress: Progress | None = None,
    backbones: Mapping[Kind, Backbone] = BACKBONES,
    device: Device = "cpu",
) -> list[MediaError]:
    """Train a network on the splits train and val of labelled media; no other row is read.

    Figures are out of fold, and so are the probabilities that they rest on. The towers that are written have
    seen all of train and val. The same rows and versions give the same files, bit by bit. Features and folds
    are kept in the cache as they come: an interrupted run goes on where it stopped.

    Args:
        images_from: Labelled images: a manifest, or a data set's folder.
        music_from: Labelled music, alike.
        out: Folder of the network: new, empty, or a network's that is to be replaced.
        cache: Folder where features and results are kept between runs.
        workers: Processes that extract features.
        progress: Told how far it is; nobody by default.
        backbones: What makes the features; one that is not shipped is copied into the network's folder.
        device: Where the backbones run.

    Returns:
        The labelled files that could not be read and were left out.

    Raises:
        UsageError: The labels cannot be used or have too little data, or `out` holds other files.
    """
    listener = progress or SilentProgress()
    refuse_foreign(out)
    system = attune_for(backbones)
    image_rows, music_rows = learnable(images_from, "image"), learnable(music_from, "music")
    with _reproducible():
        images, unseen = material(image_rows, backbones["image"], _READ, cache, workers, listener, device)
        music, unheard = material(music_rows, backbones["music"], _READ, cache, workers, listener, device)
        # Once more: some of the files may have turned out unreadable.
        refuse_too_little(images_from, images.rows)
        refuse_too_little(music_from, music.rows)
        by_seed = cross_validate(system, images, music, SEEDS, cache, listener)
        everything = [one for results in by_seed for one in results]
        curve = fit_probability(*labelled_pairs(everything, images, music))
        listener.start("refit and export", None)
        fitted = system.fit(images, music, seed=0)
        told = calibrated(by_seed, images, music)
        record, figures = _record(system, backbones, images, music), _figures(by_seed, told, images, music)
        said = [
            (one.images, one.music, probabilities)
            for results, of_seed in zip(by_seed, told, strict=True)
            for one, probabilities in zip(results, of_seed, strict=True)
        ]
        write_network(
            out,
            {kind: fitted.tower(kind, widening(one)) for kind, one in backbones.items()},
            {side.kind: _examples(side, backbones[side.kind]) for side in (images, music)},
            backbones,
            curve,
            {"training": record, "out_of_fold": figures},
            lambda run: write_run(
                run, record, figures, fitted.curve, held_out_reliability(said, images, music)
            ),
        )
        listener.finish()
    return unseen + unheard


def learnable(source: Path, kind: Kind) -> list[Row]:
    """Read the rows to learn from: train and val, or all where no splits are named.

    Raises:
        UsageError: The source cannot be used, or holds too little.
    """
    rows = read_labelled(source, kind)
    if any(row.split for row in rows):
        rows = [row for row in rows if row.split in LEARNT_FROM]
    if not rows:
        raise UsageError(f"{printable(source)}: no rows of the splits {' and '.join(LEARNT_FROM)}")
    refuse_too_little(source, rows)
    return rows


def refuse_too_little(source: Path, rows: Sequence[Row]) -> None:
    """Raise UsageError where cross-validation could not hold two polarities in every fold."""
    groups: dict[str, set[str]] = {}
    for row in rows:
        if row.polarity is not None:
            groups.setdefault(row.polarity, set()).add(f"{row.set}/{row.group}")
    enough = sorted(polarity for polarity, of_it in groups.items() if len(of_it) >= FOLDS)
    if len(enough) < 2:
        raise UsageError(
            f"{printable(source)}: too little to learn from: at least two polarities are needed, each with "
            f"{FOLDS} groups in train and val (found: {', '.join(enough) or 'none'})"
        )


def _examples(side: Material, backbone: Backbone) -> Any:
    """Return some backbone features to check the export on: they come first in what they are widened to."""
    return side.inputs["features"][:_EXAMPLES, : backbone.width]


def _figures(
    by_seed: Sequence[Sequence[Result]],
    told: Sequence[Sequence[NDArray[np.float64]]],
    images: Material,
    music: Material,
) -> dict[str, float]:
    return summary(
        [
            seed_figures(results, probabilities, images.rows, music.rows)
            for results, probabilities in zip(by_seed, told, strict=True)
        ]
    )


def _record(
    system: Attune, backbones: Mapping[Kind, Backbone], images: Material, music: Material
) -> dict[str, Any]:
    return {
        "folds": FOLDS,
        "seeds": list(SEEDS),
        "version": system.version,
        "shape": asdict(system.shape),
        "recipes": {kind: asdict(recipe) for kind, recipe in system.recipes.items()},
        "backbones": {kind: backbone.id for kind, backbone in backbones.items()},
        "rows": {side.kind: _counts(side) for side in (images, music)},
    }


def _counts(side: Material) -> dict[str, Any]:
    sets = sorted({row.set for row in side.rows})
    return {
        "all": len(side),
        "with polarity": int((side.targets.polarity >= 0).sum()),
        "sets": {name: sum(row.set == name for row in side.rows) for name in sets},
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
