"""Export of an open_clip model's image tower as a backbone with the outputs of the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from attune.core.errors import AttuneError, UsageError
from attune.embedding.backbones import DEFAULT_BACKBONES, Backbone, Backbones, normalize_pixels
from attune.embedding.image_decoding import decode_image
from attune.embedding.network_config import describe_backbone, read_backbones
from attune.tests.media_factory import photo
from attune.tests.open_clip_factory import CONFIG, write_model
from attune.training.encoders import open_clip as encoder
from attune.training.encoders.open_clip import TOLERANCE, OpenClipSource, export_encoder, parse_source

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("open_clip")
    write_model(path)
    return path


@pytest.fixture(scope="module")
def backbone(folder: Path) -> Backbone:
    (folder / "out").mkdir()
    spec = f"open_clip:{folder / 'tiny.json'},{folder / 'tiny.safetensors'}"
    return export_encoder(spec, folder / "out").backbone


def test_features_are_those_of_the_model(backbone: Backbone, folder: Path, tmp_path: Path) -> None:
    model = open_clip.create_model("tiny", str(folder / "tiny.pt")).eval()
    transform = open_clip.image_transform(32, is_train=False)
    path = photo(tmp_path / "wide.png", 3, (300, 200))
    assert backbone.width == 24
    pixels = decode_image(path, backbone.image_spec).pixels[None]
    normalized = normalize_pixels(pixels, backbone.colours)
    with Image.open(path) as image:
        transformed = transform(image)
    assert np.abs(normalized[0] - transformed.numpy()).mean() < 0.05  # a step of 1/255 is 0.015
    with torch.no_grad():
        expected = model.encode_image(torch.from_numpy(normalized)).numpy()
    found = Backbones(DEFAULT_BACKBONES | {"image": backbone}).features("image", np.repeat(pixels, 5, axis=0))
    assert found.shape == (5, 24)
    assert np.abs(found - expected).max() / np.abs(expected).max() < TOLERANCE + 2**-10  # stored as float16


def test_the_same_weights_give_the_same_file(backbone: Backbone, folder: Path, tmp_path: Path) -> None:
    """Cached features are keyed by the checksum of the file, so the file must be reproducible."""
    again = export_encoder(f"open_clip:{folder / 'tiny.json'},{folder / 'tiny.pt'}", tmp_path).backbone
    assert again.sha256 == backbone.sha256
    assert again.text is not None
    assert backbone.text is not None
    assert again.text.sha256 == backbone.text.sha256
    assert again.text.tokenizer_sha256 == backbone.text.tokenizer_sha256
    config = {"image_backbone": describe_backbone(again), "music_backbone": "musicnn_msd"}
    assert read_backbones(tmp_path, json.loads(json.dumps(config)))["image"] == again


def test_an_unfaithful_export_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "TOLERANCE", 0.0)
    with pytest.raises(AttuneError, match="differs"):
        export_encoder(f"open_clip:{folder / 'tiny.json'},{folder / 'tiny.pt'}", tmp_path)


def test_spellings() -> None:
    assert parse_source("open_clip:ViT-B-32/laion2b_s34b_b79k") == OpenClipSource(
        "ViT-B-32", "laion2b_s34b_b79k"
    )
    assert parse_source("open_clip:ViT-B/32/openai") == OpenClipSource("ViT-B/32", "openai")
    assert parse_source("open_clip:ViT-B/32/openai").name == "open_clip-ViT-B-32-openai"
    for wrong in (
        "open_clip:ViT-B-32",
        "clip:ViT-B-32/openai",
        "open_clip:",
        "open_clip:/openai",
        "open_clip:a/",
    ):
        with pytest.raises(UsageError, match="write open_clip:MODEL/TAG"):
            parse_source(wrong)
    with pytest.raises(UsageError, match=r"no such file: nowhere\.pt"):
        parse_source("open_clip:ViT-B-32,nowhere.pt")


def test_what_cannot_be_loaded_is_one_clear_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "noise.pt").write_bytes(b"noise" * 100)
    (tmp_path / "wider.json").write_text(json.dumps(CONFIG | {"embed_dim": 48}))
    (tmp_path / "empty.json").write_text("{}")
    tiny, weights = folder / "tiny.json", folder / "tiny.pt"
    for spec, error, message in (
        (f"open_clip:{tiny},{tmp_path / 'noise.pt'}", AttuneError, "cannot be loaded"),
        (f"open_clip:{tmp_path / 'wider.json'},{weights}", AttuneError, "cannot be loaded"),
        (f"open_clip:{tmp_path / 'empty.json'},{weights}", UsageError, "embed_dim, vision_cfg and text_cfg"),
        (f"open_clip:NoSuchModel,{weights}", UsageError, "no model NoSuchModel"),
        ("open_clip:ViT-B-32/no_such_tag", AttuneError, "no_such_tag"),
    ):
        with pytest.raises(error, match=message) as caught:
            export_encoder(spec, tmp_path)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


class _Trap:
    """Object that creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_checkpoint_runs_no_code(folder: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": _Trap(tmp_path / "ran")}, tmp_path / "trap.pt")
    with pytest.raises(AttuneError, match="cannot be loaded"):
        export_encoder(f"open_clip:{folder / 'tiny.json'},{tmp_path / 'trap.pt'}", tmp_path)
    assert not (tmp_path / "ran").exists()
