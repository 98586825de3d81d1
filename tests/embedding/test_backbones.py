"""Networks with their own backbone, which their `network.json` describes and their folder contains."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from attune.core.errors import ArtefactError, UsageError
from attune.embedding import network as networks
from attune.embedding.backbones import DEFAULT_BACKBONES, WEIGHTS, Backbones, normalize_pixels
from attune.embedding.image_decoding import decode_image
from attune.embedding.image_geometry import ImageSpec
from attune.embedding.network import DEFAULT_NETWORK, open_network, shipped_names
from attune.embedding.network_config import describe_backbone, read_backbones
from attune.tests.media_factory import photo
from attune.tests.networks import write_image_backbone, write_network


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "network"
    return write_network(path, image_backbone=write_image_backbone(path))


def _change(folder: Path, **entries: Any) -> None:
    config = json.loads((folder / "network.json").read_text())
    config["image_backbone"] |= entries
    (folder / "network.json").write_text(json.dumps(config))


def test_a_network_reads_by_its_own_backbone(folder: Path, tmp_path: Path) -> None:
    network = open_network(str(folder))
    assert network.backbones["music"] == DEFAULT_BACKBONES["music"]
    own = network.backbones["image"]
    assert (own.path, own.width, own.image_spec) == (
        folder / "patches.onnx",
        24,
        ImageSpec(32, "crop", "bilinear"),
    )
    backbones = Backbones(network.backbones)
    picture = decode_image(photo(tmp_path / "a.jpg", 1, (300, 200)), backbones.image_spec)
    features = backbones.features("image", picture.pixels[None])
    assert (features.shape, features.dtype) == ((1, 24), np.float16)
    embedded = network.embed("image", features)
    assert np.linalg.norm(embedded.vectors[0]) == pytest.approx(1, abs=1e-5)


def test_a_network_config_describes_its_backbones(folder: Path) -> None:
    config = json.loads((folder / "network.json").read_text())
    backbones = read_backbones(folder, config)
    for kind, backbone in backbones.items():
        assert describe_backbone(backbone) == config[f"{kind}_backbone"]
    bytes_alone = {name: config["image_backbone"][name] for name in config["image_backbone"]}
    del bytes_alone["mean"], bytes_alone["std"]
    assert read_backbones(folder, config | {"image_backbone": bytes_alone})["image"].colours is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "../elsewhere.onnx"},
        {"file": "/etc/passwd"},
        {"name": "a/b"},
        {"name": ""},
        {"sha256": "abc"},
        {"width": 0},
        {"width": "24"},
        {"size": 5000},
        {"fit": "stretch"},
        {"resample": "nearest"},
        {"mean": [0.5, 0.5]},
        {"std": [0.1, 0.0, 0.1]},
        {"mean": "grey"},
    ],
    ids=str,
)
def test_a_wrong_description_is_one_line(folder: Path, wrong: dict[str, Any]) -> None:
    _change(folder, **wrong)
    with pytest.raises(ArtefactError, match=r"network\.json: image_backbone is described wrongly") as caught:
        open_network(str(folder))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["file", "width", "licence", "fit", "std"])
def test_an_incomplete_description_names_what_is_missing(folder: Path, name: str) -> None:
    config = json.loads((folder / "network.json").read_text())
    del config["image_backbone"][name]
    (folder / "network.json").write_text(json.dumps(config))
    with pytest.raises(ArtefactError, match=f"no '{name}'"):
        open_network(str(folder))


def test_damaged_or_other_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    pixels = decode_image(photo(tmp_path / "a.jpg", 1), ImageSpec(32, "crop", "bilinear")).pixels[None]
    _change(folder, width=25)
    with pytest.raises(ArtefactError, match=r"patches\.onnx: gives features"):
        Backbones(open_network(str(folder)).backbones).features("image", pixels)
    (folder / "patches.onnx").write_bytes(b"something else")
    with pytest.raises(ArtefactError, match="checksum"):
        Backbones(open_network(str(folder)).backbones).features("image", pixels)


def test_other_backbones_are_another_network(tmp_path: Path) -> None:
    ids = set()
    for seed in (0, 1):
        path = tmp_path / str(seed)
        ids.add(open_network(str(write_network(path, image_backbone=write_image_backbone(path, seed)))).id)
    assert len(ids) == 2


def test_a_shipped_network_is_found_by_its_name(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shipped_names()[0] == DEFAULT_NETWORK
    shutil.copytree(WEIGHTS / DEFAULT_NETWORK, tmp_path / "weights" / DEFAULT_NETWORK)
    shutil.copytree(folder, tmp_path / "weights" / "dearer")
    monkeypatch.setattr(networks, "WEIGHTS", tmp_path / "weights")
    assert shipped_names() == [DEFAULT_NETWORK, "dearer"]
    network = open_network("dearer")
    assert network.source == "dearer"
    assert network.backbones["image"].path == tmp_path / "weights" / "dearer" / "patches.onnx"
    with pytest.raises(UsageError, match="attune, dearer"):
        open_network("nowhere")


def test_a_crop_is_the_middle_and_colours_are_standardised(tmp_path: Path) -> None:
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, :64], wide[:, 64:128], wide[:, 128:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    cropped = decode_image(tmp_path / "wide.png", ImageSpec(16, "crop"))
    assert (cropped.pixels[:, 1:-1] == (0, 255, 0)).all()  # scaling uses pixels a little beyond the edge
    assert (cropped.width, cropped.height) == (192, 64)
    whole = decode_image(tmp_path / "wide.png", ImageSpec(16)).pixels
    assert (whole[:, 0] == (255, 0, 0)).all()
    assert (whole[:, -1] == (0, 0, 255)).all()
    colours = write_image_backbone(tmp_path).colours
    assert colours is not None
    given = normalize_pixels(cropped.pixels[None], colours)
    assert (given.shape, given.dtype) == ((1, 3, 16, 16), np.float32)
    np.testing.assert_allclose(given[0, 1, :, 1:-1], (1 - 0.46) / 0.26, rtol=1e-6)
    np.testing.assert_allclose(given[0, 0, :, 1:-1], -0.48 / 0.27, rtol=1e-6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_crop_is_upright(tmp_path: Path, orientation: int) -> None:
    """Cropping before orienting gives the same as cropping after it."""
    values = np.random.default_rng(0).integers(0, 256, (6, 4, 3), np.uint8)
    image = Image.fromarray(values).resize((120, 80), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    from PIL import ImageOps

    upright = ImageOps.exif_transpose(Image.open(tmp_path / "turned.png"))
    upright.save(tmp_path / "upright.png", exif=Image.Exif())
    spec = ImageSpec(32, "crop")
    one, other = (decode_image(tmp_path / name, spec) for name in ("turned.png", "upright.png"))
    assert np.abs(one.pixels.astype(int) - other.pixels).max() <= 1
    assert (one.width, one.height) == (other.width, other.height)
