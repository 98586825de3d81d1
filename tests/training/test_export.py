"""Training of a network, its run folder and its export to ONNX."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from attune.core.errors import ArtefactError, UsageError
from attune.embedding.affect import POLARITY_COLUMNS, QUADRANT_COLUMNS
from attune.embedding.backbones import DEFAULT_BACKBONES, WEIGHTS
from attune.embedding.network import open_network
from attune.tests.training.affect_data import rows_and_features
from attune.training import system_inputs
from attune.training import train as training
from attune.training.assign_folds import FOLDS
from attune.training.cross_validation import SEEDS
from attune.training.export import export_tower
from attune.training.feature_cache import CachedFeatures
from attune.training.manifest import LabelledRow
from attune.training.systems.attune.system import Attune

pytestmark = pytest.mark.torch

FILES = ["image.onnx", "music.onnx", "network.json"]


@pytest.fixture
def manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return two manifests whose features are synthetic; extraction is tested elsewhere."""
    features: dict[Path, NDArray[np.float16]] = {}
    paths = []
    for kind, quadrants, moments in (("image", False, 1), ("music", True, 4)):
        rows, made = rows_and_features(
            90, DEFAULT_BACKBONES[kind].width, 1, quadrants=quadrants, moments=moments
        )  # type: ignore[index]
        lines = ["path,split,set,group,polarity,quadrant,valence,arousal"]
        for number, (row, one) in enumerate(zip(rows, made, strict=True)):
            split = "test" if number >= 84 else "train"
            cells = [f"{kind}{number}", split, row.set, f"{split}{row.group}", row.polarity, row.quadrant]
            values = ["" if v is None else f"{v}" for v in (*cells, row.valence, row.arousal)]
            lines.append(",".join(values))
            features[tmp_path / f"{kind}{number}"] = one
        paths.append(tmp_path / f"{kind}.csv")
        paths[-1].write_text("\n".join(lines) + "\n")

    def known(rows: list[LabelledRow], *_: object) -> CachedFeatures:
        assert all(row.split != "test" for row in rows)
        return CachedFeatures(rows, [features[row.path] for row in rows], [])

    monkeypatch.setattr(system_inputs, "extract_cached_features", known)
    return paths[0], paths[1]


def test_a_trained_network_opens_and_repeats_bit_by_bit(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    written = [tmp_path / "a" / "mine", tmp_path / "b" / "mine"]
    for out in written:
        assert training.train(*manifests, out, cache=tmp_path / "cache", workers=1) == []
    for file in FILES:
        assert (written[0] / file).read_bytes() == (written[1] / file).read_bytes()
    network = open_network(str(written[0]))
    random = np.random.default_rng(0)
    for kind, backbone in DEFAULT_BACKBONES.items():
        embeddings = network.embed(kind, random.normal(size=(7, backbone.width)))
        assert embeddings.vectors.shape == (7, 128)
        assert np.allclose(np.linalg.norm(embeddings.vectors, axis=1), 1, atol=1e-5)
        for columns in (POLARITY_COLUMNS, QUADRANT_COLUMNS):
            assert np.allclose(embeddings.affect[:, columns].sum(axis=1), 1, atol=1e-5)
        assert np.abs(embeddings.affect[:, :2]).max() <= 1
    config = json.loads((written[0] / "network.json").read_text())
    assert config["training"]["system"] == "attune"
    recipe = config["training"]["recipes"]["image"]
    assert recipe["classes"]["gains"] == {"pooled": 0.5, "meaning": 2.0}
    assert recipe["affect"]["gains"] == {"pooled": 0.7}
    assert config["training"]["rows"]["image"]["all"] == 84
    assert 0.5 < config["out_of_fold"]["accuracy"] <= 1
    assert 0 <= config["out_of_fold"]["accuracy spread"] < 0.3
    assert sorted(path.name for path in written[0].iterdir()) == [*FILES, "run"]


def test_a_run_folder_tells_of_the_training(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "net"
    training.train(*manifests, out, cache=tmp_path / "cache", workers=1)
    run = out / "run"
    config, network = (json.loads(file.read_text()) for file in (run / "config.json", out / "network.json"))
    assert config.items() >= network["training"].items()
    assert config["libraries"]["torch"] == torch.__version__.split("+")[0]
    assert json.loads((run / "metrics.json").read_text()) == network["out_of_fold"]
    curves = list(csv.DictReader((run / "curves.csv").open()))
    assert {row["kind"] for row in curves} == {"image", "music"}
    first, last = (float(curves[place]["loss"]) for place in (0, 1))
    assert last < first
    bins = list(csv.DictReader((run / "reliability.csv").open()))
    assert sum(float(row["share_of_pairs"]) for row in bins) == pytest.approx(1, abs=1e-4)
    true = sum(float(row["share_of_pairs"]) * float(row["share_true"]) for row in bins)
    assert true == pytest.approx(0.5, abs=1e-3)
    for name in ("curves.png", "reliability.png"):
        with Image.open(run / name) as drawn:
            assert drawn.size[0] > 800
            assert len(drawn.convert("RGB").getcolors(1 << 20) or []) > 20
    (run / "old.txt").write_text("file of the previous training")
    training.train(*manifests, out, cache=tmp_path / "cache", workers=1)
    assert not (run / "old.txt").exists()


def test_another_system_becomes_a_network(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "net"
    training.train(*manifests, out, system="posterior-product", cache=tmp_path / "cache", workers=1)
    network = open_network(str(out))
    features = np.random.default_rng(0).normal(size=(7, DEFAULT_BACKBONES["image"].width))
    embeddings = network.embed("image", features)
    assert np.allclose(np.linalg.norm(embeddings.vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(embeddings.vectors[:, :3], embeddings.affect[:, POLARITY_COLUMNS])
    config = json.loads((out / "network.json").read_text())
    assert config["training"]["system"] == "posterior-product"
    assert config["training"]["music_l2"] == 0.1
    assert config["out_of_fold"]["accuracy"] > 0.5
    assert not (out / "run" / "curves.csv").exists()
    assert (out / "run" / "reliability.png").is_file()


def test_a_training_learns_nothing_twice(
    manifests: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = []
    fit = Attune.fit

    def counted(self, *given, **named):  # type: ignore[no-untyped-def]
        if len(fits) == 4:
            fits.append("stopped")
            raise KeyboardInterrupt
        fits.append("fitted")
        return fit(self, *given, **named)

    monkeypatch.setattr(Attune, "fit", counted)
    with pytest.raises(KeyboardInterrupt):
        training.train(*manifests, tmp_path / "net", cache=tmp_path / "cache", workers=1)
    assert not (tmp_path / "net").exists()
    training.train(*manifests, tmp_path / "net", cache=tmp_path / "cache", workers=1)
    assert fits.count("fitted") == FOLDS * len(SEEDS) + 1


def test_quadrants_and_ratings_may_be_missing(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    for path in manifests:
        bare = [",".join([*line.split(",")[:5], "", "", ""]) for line in path.read_text().splitlines()[1:]]
        path.write_text("\n".join(["path,split,set,group,polarity,quadrant,valence,arousal", *bare]) + "\n")
    out = tmp_path / "bare"
    training.train(*manifests, out, cache=tmp_path, workers=1)
    embeddings = open_network(str(out)).embed("image", np.zeros((2, DEFAULT_BACKBONES["image"].width)))
    assert np.isfinite(embeddings.vectors).all()
    assert np.isfinite(embeddings.affect).all()


def test_one_polarity_is_too_little(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    images, music = manifests
    lines = images.read_text().splitlines()
    images.write_text("\n".join([lines[0], *(line for line in lines[1:] if ",positive," in line)]) + "\n")
    with pytest.raises(UsageError, match="two polarities"):
        training.train(images, music, tmp_path / "out", cache=tmp_path, workers=1)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_left_alone(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(UsageError, match="holds other files"):
        training.train(*manifests, tmp_path / "mine", cache=tmp_path, workers=1)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_an_unfaithful_export_is_refused(tmp_path: Path) -> None:
    class Unlike(torch.nn.Module):
        """Gives another output at each call."""

        calls = 0

        def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            self.calls += 1
            return features + float(self.calls), features

    with pytest.raises(ArtefactError, match="differs"):
        export_tower(Unlike(), np.ones((2, 3), np.float32), tmp_path / "x.onnx")  # type: ignore[arg-type]


def test_a_network_that_learnt_other_features_is_refused(tmp_path: Path) -> None:
    copy = shutil.copytree(WEIGHTS / "attune", tmp_path / "mine")
    config = json.loads((copy / "network.json").read_text())
    config["training"]["backbones"]["image"] = "efficientnet_lite0-37688b71-2"  # the same at 224 pixels
    (copy / "network.json").write_text(json.dumps(config))
    with pytest.raises(ArtefactError, match=r"efficientnet_lite0-37688b71-2.*train it again"):
        open_network(str(copy))
