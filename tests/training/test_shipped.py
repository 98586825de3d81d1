"""The shipped networks are what `attune train` writes; runs where `ATTUNE_AFFECT` names the labelled data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from attune.core.settings import Settings
from attune.embedding.decode_pool import ExtractionJob, extract_all
from attune.embedding.network import Network, open_network
from attune.retrieval.demo import SAMPLES
from attune.tests.e2e.command import attune

AFFECT = os.environ.get("ATTUNE_AFFECT")
SAME = 0.999  # cosine: another processor sums in another order

if AFFECT is not None:

    @pytest.mark.parametrize(("name", "options"), [("attune", ()), ("accurate", ("--accurate",))])
    def test_training_again_gives_the_shipped_network(
        name: str, options: tuple[str, ...], tmp_path: Path
    ) -> None:
        data = Path(str(AFFECT))
        output = tmp_path / "network"
        manifests = ("--images", data / "images.csv", "--music", data / "music.csv")
        result = attune("train", *manifests, *options, "-o", output, "--cache", tmp_path / "cache")
        assert result.returncode == 0, result.stderr
        again, shipped = open_network(str(output)), open_network(name)
        assert again.card["training"] == shipped.card["training"]
        agreement(again, shipped)

    def agreement(again: Network, shipped: Network) -> None:
        files = sorted((SAMPLES / "photos").iterdir())[:20] + sorted((SAMPLES / "music").iterdir())[:6]
        jobs = [ExtractionJob(path, "image" if path.suffix == ".jpg" else "music") for path in files]
        for found in extract_all(jobs, Settings(workers=2), shipped.backbones):
            assert not isinstance(found, Exception)
            one, other = (network.embed(found.kind, found.features) for network in (again, shipped))
            assert (np.sum(one.vectors * other.vectors, axis=1) > SAME).all()
            np.testing.assert_allclose(one.affect, other.affect, atol=0.02)
