"""Content labels: what a picture shows and how a song sounds, by the backbones' own classifiers.

    picture ─ pooled features ─ classifier ─ softmax at temperature 2.5 ─ shares of 1000 ImageNet classes
    song ─ taggram (mean over the patches that sound) ─ probabilities of musicnn's 50 tags

Both are computed from the features that a library stores. Only the shipped backbones have labels: the
features of any other network do not say which classes it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.embedding.backbones import SHIPPED_BACKBONES, WEIGHTS, Backbone
from attune.embedding.checked_arrays import read_checked_arrays
from attune.embedding.media_files import Kind
from attune.embedding.music_tags import music_tag_names
from attune.embedding.silent_patches import average_sounding

LABELS_KEPT: Final = 32
"""Labels that are kept of each file, the most probable ones. 16 find less, 64 hardly more."""

TEMPERATURE: Final = 2.5
"""Softmax temperature of the shares of classes; above 1, less likely classes count more.

Chosen by the precision of named things on train and val (docs/experiments.md).
"""

CLASSES_SHA256: Final = "4446f6f1c55dd7538d407c796889674a64381e1ac514711ba8076d14d7ebbe2b"
CLASSES_FILE: Final = WEIGHTS / "image_classes.npz"


@dataclass(frozen=True, slots=True)
class ContentLabels:
    """The most probable labels of n files of one kind.

    Attributes:
        indices: Labels, uint16 (n, LABELS_KEPT): places in `label_names`, the most probable first.
        shares: Their shares, float16 (n, LABELS_KEPT), at least 0: for pictures, of a softmax at
            `TEMPERATURE` over all classes; for songs, the probabilities of the tags. All are 0 for a file
            without content, such as a silent song.
    """

    indices: NDArray[np.uint16]
    shares: NDArray[np.float16]

    def normalized_shares(self) -> NDArray[np.float32]:
        """Return the shares, float32 (n, LABELS_KEPT), scaled to the sum 1, or 0 where all are 0."""
        shares = self.shares.astype(np.float32)
        return np.asarray(shares / np.maximum(shares.sum(axis=1, keepdims=True), 1e-12), np.float32)


def has_content_labels(backbone: Backbone) -> bool:
    """Return whether the features of a backbone tell content labels."""
    return SHIPPED_BACKBONES.get(backbone.name) == backbone


def label_names(kind: Kind) -> tuple[str, ...]:
    """Return the names of all labels of one kind: 1000 classes, or 50 tags in lower case."""
    return tuple(_load_classes()["names"].tolist()) if kind == "image" else music_tag_names()


def compute_content_labels(features: Sequence[NDArray[np.float16]], backbone: Backbone) -> ContentLabels:
    """Compute the content labels of n files.

    Args:
        features: float16 (rows, width) each, as a library stores them; at least one file.
        backbone: A backbone for which `has_content_labels` holds.

    Raises:
        ArtefactError: The shipped classifier is missing or damaged.
    """
    block = backbone.layout.columns("pooled" if backbone.kind == "image" else "taggram")
    means = np.nan_to_num(np.stack([average_sounding(rows[:, block]) for rows in features]))
    shares = _compute_class_shares(means, backbone) if backbone.kind == "image" else means
    order = np.argpartition(-shares, LABELS_KEPT, axis=1)[:, :LABELS_KEPT]
    kept = np.take_along_axis(shares, order, axis=1)
    by_share = np.argsort(-kept, axis=1, kind="stable")
    return ContentLabels(
        np.take_along_axis(order, by_share, axis=1).astype(np.uint16),
        np.take_along_axis(kept, by_share, axis=1).astype(np.float16),
    )


def tell_probabilities(labels: ContentLabels, kind: Kind) -> NDArray[np.float32]:
    """Return the probabilities of kept labels as the classifier gives them, float32 (n, LABELS_KEPT).

    The shares of classes are brought back to temperature 1, as if the kept classes were all there are. Those
    of tags are probabilities already, and do not sum to 1.
    """
    if kind == "music":
        return labels.shares.astype(np.float32)
    sharp = labels.shares.astype(np.float32) ** TEMPERATURE
    return np.asarray(sharp / np.maximum(sharp.sum(axis=1, keepdims=True), 1e-30), np.float32)


def _compute_class_shares(pooled: NDArray[np.float32], backbone: Backbone) -> NDArray[np.float32]:
    """Return the shares of the 1000 classes, float32 (n, 1000), of pooled features (n, 1280)."""
    weights, bias = _load_classifier(backbone.name)
    logits = (pooled @ weights + bias) / TEMPERATURE
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)


@cache
def _load_classifier(backbone: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return weights (1280, 1000) and bias (1000,) of a backbone's classifier."""
    stored = _load_classes()
    weights = stored[f"{backbone}.weights"].astype(np.float32) * stored[f"{backbone}.scales"]
    return np.asarray(weights, np.float32), stored[f"{backbone}.bias"].astype(np.float32)


@cache
def _load_classes() -> dict[str, NDArray[Any]]:
    return read_checked_arrays(CLASSES_FILE, CLASSES_SHA256)
