"""Out-of-fold predictions inside train and val: what every choice and the calibration stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.progress import Progress
from embedding.media import Kind
from training.calibration import fit_reading
from training.fit import Recipe, fit_heads
from training.folds import grouped_folds
from training.losses import Targets
from training.manifest import Row
from training.systems.attune import SHAPE, Shape, Space

FOLDS = 5


@dataclass(frozen=True, slots=True)
class Side:
    """One modality's labelled data, ready to learn from.

    Attributes:
        kind: The modality.
        rows: N rows.
        targets: What they teach.
        features: float32 (N, D), means over each item's moments.
        recipe: How heads are learnt.
    """

    kind: Kind
    rows: Sequence[Row]
    targets: Targets
    features: NDArray[np.float32]
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class Block:
    """Images and music of one fold, embedded by towers that saw neither.

    Attributes:
        images: int64 (I,) positions of the fold's image rows.
        music: int64 (M,) positions of its music rows.
        image_vectors: float32 (I, 128).
        music_vectors: float32 (M, 128).
        image_affect: float32 (I, 5).
        music_affect: float32 (M, 5).
    """

    images: NDArray[np.int64]
    music: NDArray[np.int64]
    image_vectors: NDArray[np.float32]
    music_vectors: NDArray[np.float32]
    image_affect: NDArray[np.float32]
    music_affect: NDArray[np.float32]

    @property
    def inner(self) -> NDArray[np.float64]:
        """Inner products, (I, M)."""
        return (self.image_vectors @ self.music_vectors.T).astype(np.float64)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Raw outputs of one modality under one fold seed, each from heads that did not see the row's fold.

    Attributes:
        folds: int64 (N,) fold of each row.
        raw: float32 (N, 5).
    """

    folds: NDArray[np.int64]
    raw: NDArray[np.float32]


def hold_out(side: Side, seed: int, progress: Progress) -> HeldOut:
    """Predict every row by heads that were learnt on the other folds.

    Raises:
        UsageError: There are too few groups.
    """
    groups = [f"{row.set}/{row.group}" for row in side.rows]
    strata = [f"{row.set}/{row.polarity}/{row.quadrant}" for row in side.rows]
    folds = grouped_folds(groups, strata, FOLDS, seed)
    raw = np.zeros((len(side.rows), 5), np.float32)
    for fold in range(FOLDS):
        learn, held = np.flatnonzero(folds != fold), folds == fold
        heads = fit_heads(side.features[learn], side.targets[learn], side.recipe)
        raw[held] = heads.raw(side.features[held])
        progress.advance()
    return HeldOut(folds, raw)


def blocks(
    images: Side, music: Side, held_images: HeldOut, held_music: HeldOut, shape: Shape = SHAPE
) -> list[Block]:
    """Embed each fold's images and music; how outputs are read is fitted on the other folds.

    Returns:
        One block a fold.
    """
    made = []
    for fold in range(FOLDS):
        image_rows, image_vectors, image_affect = _embed_fold(images, held_images, fold, shape)
        music_rows, music_vectors, music_affect = _embed_fold(music, held_music, fold, shape)
        made.append(Block(image_rows, music_rows, image_vectors, music_vectors, image_affect, music_affect))
    return made


def _embed_fold(
    side: Side, held: HeldOut, fold: int, shape: Shape
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
    others, inside = np.flatnonzero(held.folds != fold), np.flatnonzero(held.folds == fold)
    space = Space(fit_reading(held.raw[others], side.targets[others]), side.kind, shape)
    with torch.no_grad():
        vectors, affect = space(torch.from_numpy(held.raw[inside]))
    return inside, vectors.numpy(), affect.numpy()
