"""Training again gives the shipped networks. The test needs the labelled data (docs/data.md)."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attune.core.settings import Settings
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.network import Network, open_network
from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import attune
from attune.training.linear_heads import HeadRecipe, Recipe

AFFECT = os.environ.get("ATTUNE_AFFECT")
SAME = 0.999  # cosine: another processor sums in another order


@pytest.mark.affect
@pytest.mark.slow
@pytest.mark.skipif(AFFECT is None, reason="ATTUNE_AFFECT names no folder of labelled data")
@pytest.mark.parametrize("name", ["attune", "accurate"])
def test_training_again_gives_the_shipped_network(name: str, tmp_path: Path) -> None:
    shipped = open_network(name)
    rows = shipped.config["training"]["rows"]
    images, music = (
        _select_sets(Path(str(AFFECT)) / f"{stem}.csv", rows[kind]["sets"], tmp_path / f"{stem}.csv")
        for kind, stem in (("image", "images"), ("music", "music"))
    )
    output = tmp_path / "network"
    manifests = ("--images", images, "--music", music)
    result = attune("train", *manifests, "--system", name, "-o", output, "--cache", tmp_path / "cache")
    assert result.returncode == 0, result.stderr
    again = open_network(str(output))
    assert _training_record(again) == _training_record(shipped)
    _assert_agreement(again, shipped)


def _select_sets(manifest: Path, sets: dict[str, int], copy: Path) -> Path:
    """Write the rows of some data sets as another manifest: the labelled data has grown since."""
    with manifest.open(encoding="utf-8-sig", newline="") as source, copy.open("w", newline="") as target:
        reader = csv.DictReader(source)
        writer = csv.DictWriter(target, reader.fieldnames or ())
        writer.writeheader()
        for row in reader:
            if row["set"] in sets:
                writer.writerow(row | {"path": str(manifest.parent.resolve() / row["path"])})
    return copy


def _training_record(network: Network) -> dict[str, Any]:
    """Return what a network was trained on and how, without the digest of the source that trained it.

    The source may have changed since, as long as it gives the same network: `_assert_agreement` decides. A
    hyperparameter that recipes did not have at the time has its default.
    """
    record = {key: value for key, value in network.config["training"].items() if key != "version"}
    return record | {"recipes": {kind: _read_recipe(recipe) for kind, recipe in record["recipes"].items()}}


def _read_recipe(record: dict[str, Any]) -> Recipe:
    heads = {name: HeadRecipe(**record[name]) for name in ("classes", "affect") if record[name] is not None}
    return Recipe(**record | heads)


def _assert_agreement(again: Network, shipped: Network) -> None:
    files = sorted((SAMPLES / "photos").iterdir())[:20] + sorted((SAMPLES / "music").iterdir())[:6]
    jobs = [ExtractionJob(path, "image" if path.suffix == ".jpg" else "music") for path in files]
    for found in extract_all(jobs, Settings(workers=2), shipped.backbones):
        assert not isinstance(found, Exception)
        one, other = (network.embed(found.kind, found.features) for network in (again, shipped))
        assert (np.sum(one.vectors * other.vectors, axis=1) > SAME).all()
        np.testing.assert_allclose(one.affect, other.affect, atol=0.02)
