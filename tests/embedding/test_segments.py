"""Embeddings of songs with silent parts: silence is in no mean, and a silent moment is NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from attune.core.errors import UsageError
from attune.embedding.backbones import PATCH_S
from attune.embedding.network import open_network
from attune.embedding.segments import embed_segments, embed_track, slice_features

NETWORK = open_network()


def make_features(sounds: list[bool]) -> NDArray[np.float16]:
    """Return float16 (patches, width), NaN where there is no sound."""
    width = NETWORK.backbones["music"].width
    features = np.random.default_rng(1).random((len(sounds), width)).astype(np.float16)
    features[~np.array(sounds)] = np.nan
    return features


@given(st.lists(st.booleans(), min_size=1, max_size=12).filter(any))
@settings(deadline=None)
def test_silence_is_in_no_mean(sounds: list[bool]) -> None:
    features = make_features(sounds)
    heard = features[np.array(sounds)]
    np.testing.assert_array_equal(embed_track(NETWORK, features).vectors, embed_track(NETWORK, heard).vectors)
    moments = embed_segments(NETWORK, features)
    span = min(3, len(sounds))
    counts = [sum(sounds[first : first + span]) for first in range(len(sounds) - span + 1)]
    least = min(span / 2, max(counts))
    np.testing.assert_allclose(moments.starts_s, np.arange(len(counts)) * PATCH_S)
    assert len(moments.embedded.vectors) == len(moments.embedded.affect) == len(counts)
    for first, count in enumerate(counts):
        vector, affect = moments.embedded.vectors[first], moments.embedded.affect[first]
        if count < least:
            assert np.isnan(vector).all()
            assert np.isnan(affect).all()
        else:
            expected = embed_track(NETWORK, features[first : first + span])
            np.testing.assert_allclose(vector, expected.vectors[0], atol=1e-4)
            np.testing.assert_allclose(affect, expected.affect[0], atol=1e-4)
    sounding = moments.without_silence()
    assert len(sounding.starts_s) == sum(count >= least for count in counts) > 0
    assert np.isfinite(sounding.embedded.vectors).all()


def test_a_part_of_nothing_but_silence_is_refused() -> None:
    features = make_features([True] * 3 + [False] * 5 + [True] * 2)
    with pytest.raises(UsageError, match="nothing but silence lies between --from and --to"):
        slice_features(features, 10.0, 20.0)
    assert len(slice_features(features, 8.0, 20.0)) == 5
