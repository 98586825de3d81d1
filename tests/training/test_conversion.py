"""The shipped backbones give the features of the originals, and are the files that NOTICE.md lists."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from attune.embedding.backbones import EFFICIENTNET_LITE0, MUSICNN_MSD
from attune.embedding.image_geometry import SIDE
from attune.training.convert.golden_features import (
    GOLDEN_FILE,
    make_synthetic_pixels,
    make_synthetic_segments,
)
from attune.training.convert.parity_check import is_close
from attune.training.convert.weight_files import IMAGE_FILE, MUSIC_FILE, TAGS_FILE

NOTICE = Path(__file__).parents[2] / "NOTICE.md"


def run(path, inputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["features"], {session.get_inputs()[0].name: inputs})[0]


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN_FILE) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def image_features():
    return run(IMAGE_FILE, make_synthetic_pixels())


@pytest.fixture(scope="module")
def music_features():
    return run(MUSIC_FILE, make_synthetic_segments())


@pytest.mark.parametrize("block", EFFICIENTNET_LITE0.layout.names)
def test_image_backbone_equals_the_original(image_features, golden, block):
    columns = EFFICIENTNET_LITE0.layout.columns(block)
    assert image_features.shape == golden["image"].shape == (2, 2528)
    assert is_close(image_features[:, columns], golden["image"][:, columns])


@pytest.mark.parametrize("block", MUSICNN_MSD.layout.names)
def test_music_backbone_equals_the_original(music_features, golden, block):
    columns = MUSICNN_MSD.layout.columns(block)
    assert music_features.shape == golden["music"].shape == (2, 1756)
    assert is_close(music_features[:, columns], golden["music"][:, columns])


@pytest.mark.parametrize(
    "path, batch", [(IMAGE_FILE, make_synthetic_pixels()), (MUSIC_FILE, make_synthetic_segments())]
)
def test_an_item_does_not_depend_on_its_batch(path, batch):
    together = run(path, np.concatenate([batch, batch[:1]]))
    alone = run(path, batch[1:])
    np.testing.assert_allclose(together[1:2], alone, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(together[0], together[2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("level", [0, 127, 255])
def test_a_picture_of_one_colour_has_finite_features(level):
    assert np.isfinite(run(IMAGE_FILE, np.full((1, SIDE, SIDE, 3), level, dtype=np.uint8))).all()


def test_silence_has_finite_features():
    assert np.isfinite(run(MUSIC_FILE, np.zeros((1, 187, 96), dtype=np.float32))).all()


def test_there_is_a_name_for_every_tag(music_features):
    tags = json.loads(TAGS_FILE.read_text(encoding="utf-8"))
    taggram = music_features[:, MUSICNN_MSD.layout.columns("taggram")]
    assert len(set(tags)) == taggram.shape[1] == 50
    assert ((taggram >= 0) & (taggram <= 1)).all()


@pytest.mark.parametrize("path", [IMAGE_FILE, MUSIC_FILE, TAGS_FILE], ids=lambda path: path.name)
def test_the_notice_names_the_file_that_is_shipped(path):
    row = rf"`embedding/weights/{re.escape(path.name)}`.*?`([0-9a-f]{{64}})`"
    match = re.search(row, NOTICE.read_text("utf-8"))
    assert match is not None
    assert match[1] == hashlib.sha256(path.read_bytes()).hexdigest()
