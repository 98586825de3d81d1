from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.errors import ArtefactError, UsageError
from embedding.backbones import BACKBONES
from embedding.media import Kind
from embedding.network import open_network
from tests.training.affect_data import rows_and_features
from training import train as training
from training.export import export_tower
from training.features import Gathered
from training.manifest import Row


@pytest.fixture
def manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two manifests whose features are made up: extraction has tests of its own."""
    features: dict[Path, NDArray[np.float16]] = {}
    paths = []
    for kind, quadrants, moments in (("image", False, 1), ("music", True, 4)):
        rows, made = rows_and_features(90, BACKBONES[kind].width, 1, quadrants=quadrants, moments=moments)  # type: ignore[index]
        lines = ["path,split,set,group,polarity,quadrant,valence,arousal"]
        for number, (row, one) in enumerate(zip(rows, made, strict=True)):
            split = "test" if number >= 84 else "train"
            cells = [f"{kind}{number}", split, row.set, f"{split}{row.group}", row.polarity, row.quadrant]
            values = ["" if v is None else f"{v}" for v in (*cells, row.valence, row.arousal)]
            lines.append(",".join(values))
            features[tmp_path / f"{kind}{number}"] = one
        paths.append(tmp_path / f"{kind}.csv")
        paths[-1].write_text("\n".join(lines) + "\n")

    def known(rows: list[Row], kind: Kind, *_: object) -> Gathered:
        assert all(row.split != "test" for row in rows)
        return Gathered(rows, [features[row.path] for row in rows], [])

    monkeypatch.setattr(training, "features_of", known)
    return paths[0], paths[1]


def test_a_trained_network_opens_and_repeats_bit_by_bit(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    written = [tmp_path / "a", tmp_path / "b"]
    for out in written:
        assert training.train(*manifests, out, cache=tmp_path / "cache", workers=1) == []
    for file in ("image.onnx", "music.onnx", "network.json"):
        assert (written[0] / file).read_bytes() == (written[1] / file).read_bytes()
    network = open_network(str(written[0]))
    random = np.random.default_rng(0)
    for kind, backbone in BACKBONES.items():
        said = network.embed(kind, random.normal(size=(7, backbone.width)))
        assert said.vectors.shape == (7, 128)
        assert np.allclose(np.linalg.norm(said.vectors, axis=1), 1, atol=1e-5)
        assert np.allclose(said.affect[:, 2:].sum(axis=1), 1, atol=1e-5)
        assert np.abs(said.affect[:, :2]).max() <= 1
    card = json.loads((written[0] / "network.json").read_text())
    assert card["training"]["rows"]["image"]["all"] == 84
    assert 0.5 < card["out_of_fold"]["accuracy"] <= 1
    assert card["out_of_fold"]["accuracy spread"] >= 0
    assert sorted(path.name for path in written[0].iterdir()) == ["image.onnx", "music.onnx", "network.json"]


def test_quadrants_and_ratings_may_be_missing(manifests: tuple[Path, Path], tmp_path: Path) -> None:
    for path in manifests:
        bare = [",".join([*line.split(",")[:5], "", "", ""]) for line in path.read_text().splitlines()[1:]]
        path.write_text("\n".join(["path,split,set,group,polarity,quadrant,valence,arousal", *bare]) + "\n")
    out = tmp_path / "bare"
    training.train(*manifests, out, cache=tmp_path, workers=1)
    said = open_network(str(out)).embed("image", np.zeros((2, BACKBONES["image"].width)))
    assert np.isfinite(said.vectors).all()
    assert np.isfinite(said.affect).all()


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
        """Says something else each time."""

        calls = 0

        def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            self.calls += 1
            return features + float(self.calls), features

    with pytest.raises(ArtefactError, match="differs"):
        export_tower(Unlike(), np.ones((2, 3), np.float32), tmp_path / "x.onnx")  # type: ignore[arg-type]
