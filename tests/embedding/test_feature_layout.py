"""Names of the blocks of columns that features consist of."""

from __future__ import annotations

import numpy as np
import pytest

from attune.embedding.backbones import SHIPPED_BACKBONES, Backbone
from attune.embedding.feature_layout import FeatureLayout, unnamed_layout

LAYOUT = FeatureLayout((("a", 2), ("b", 3), ("c", 1)))
FEATURES = np.arange(12, dtype=np.float16).reshape(2, 6)


def test_blocks_lie_one_after_the_other() -> None:
    columns = np.concatenate([np.arange(6)[LAYOUT.columns(name)] for name in LAYOUT.names])
    assert columns.tolist() == list(range(LAYOUT.width))


def test_blocks_are_selected_in_the_order_of_the_layout() -> None:
    selected = LAYOUT.select(FEATURES, ("c", "a"))
    assert selected.dtype == np.float16
    assert selected.tolist() == [[0, 1, 5], [6, 7, 11]]


def test_a_block_that_is_missing_is_an_error() -> None:
    with pytest.raises(KeyError, match="d"):
        LAYOUT.columns("d")
    with pytest.raises(KeyError, match="d"):
        LAYOUT.select(FEATURES, ("a", "d"))


def test_a_block_is_appended() -> None:
    assert LAYOUT.extended("d", 4).columns("d") == slice(6, 10)
    assert unnamed_layout(7).width == 7


@pytest.mark.parametrize("backbone", SHIPPED_BACKBONES.values(), ids=lambda backbone: backbone.name)
def test_a_name_occurs_once_in_a_shipped_backbone(backbone: Backbone) -> None:
    assert len(set(backbone.layout.names)) == len(backbone.layout.names)
    widths = {
        "efficientnet_lite0": 2528,
        "efficientnet_lite2_faces": 3305,
        "musicnn_msd": 1756,
        "musicnn_msd_harmony": 1815,
    }
    assert backbone.width == widths[backbone.name]
