"""Manifests of made-up labelled files, whose features are known without reading them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from attune.core.errors import MediaError
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone
from attune.embedding.media_files import Kind
from attune.tests.training.affect_data import make_labelled_features
from attune.training import feature_cache, system_inputs
from attune.training.feature_cache import CachedFeatures
from attune.training.manifest import LabelledRow
from attune.training.systems.base import Input, LabelledFeatures

PATCHES = 8
"""Patches of a song, each with the features of the whole and noise of its own."""

JUDGED_SETS = [
    "--mood-image-set",
    "set0",
    "--mood-music-set",
    "set0",
    "--mood-music-set",
    "set1",
    "--fold-seed",
    "0",
]
"""Options that judge mood on these sets, with one seed of the folds."""


def write_manifests(folder: Path, monkeypatch: pytest.MonkeyPatch, label: str = "") -> list[str]:
    """Write two manifests of 150 files each, a fifth of them in the test split; return the options.

    The label is that of the pictures of the first set.
    """
    options = []
    known: dict[Path, tuple[LabelledFeatures, int]] = {}
    kinds: tuple[Kind, ...] = ("image", "music")
    for seed, kind in enumerate(kinds):
        side = make_labelled_features(kind, seed, 150)
        lines = ["path,split,set,group,polarity,quadrant,valence,arousal,label"]
        for position, row in enumerate(side.rows):
            split = "test" if position >= 120 else "train"
            values = (f"{kind}{position}", split, row.set, f"{split}{row.group}", row.polarity, row.quadrant)
            own = label if kind == "image" and row.set == "set0" else ""
            cells = [*values, row.valence, row.arousal, own]
            lines.append(",".join("" if cell is None else f"{cell}" for cell in cells))
            known[folder / f"{kind}{position}"] = side, position
        (folder / f"{kind}.csv").write_text("\n".join(lines) + "\n")
        options += ["--images" if kind == "image" else "--music", str(folder / f"{kind}.csv")]

    def load_known_features(
        rows: Sequence[LabelledRow], kind: Kind, needed: Iterable[Input], *_: object
    ) -> tuple[LabelledFeatures, list[MediaError]]:
        whole = known[rows[0].path][0]
        taken = whole.take(np.array([known[row.path][1] for row in rows]))
        return LabelledFeatures(kind, rows, taken.targets, taken.features, {}), []

    def extract_known_features(rows: Sequence[LabelledRow], backbone: Backbone, *_: object) -> CachedFeatures:
        rng = np.random.default_rng(0)
        features = []
        for row in rows:
            side, position = known[row.path]
            whole = side.features[DEFAULT_BACKBONES[backbone.kind]].values[position]
            noise = rng.normal(0, 12, (PATCHES, whole.size))
            features.append((whole + noise - noise.mean(axis=0)).astype(np.float16))
        return CachedFeatures(list(rows), features, [])

    monkeypatch.setattr(system_inputs, "load_labelled_features", load_known_features)
    monkeypatch.setattr(feature_cache, "extract_cached_features", extract_known_features)
    return [*options, "--cache", str(folder / "cache")]
