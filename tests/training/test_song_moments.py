"""Moments of songs beside whole songs: which seconds are heard, and that nothing else differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from attune.core.progress import SilentProgress
from attune.embedding.backbones import DEFAULT_BACKBONES
from attune.tests.training.affect_data import make_labelled_features
from attune.training.cross_validation import cross_validate
from attune.training.mood_comparison import select_judged
from attune.training.song_moments import cut_moments, measure_moment_loss, predict_moments
from attune.training.systems.posterior_product import PosteriorProduct

pytestmark = pytest.mark.torch

MUSIC = DEFAULT_BACKBONES["music"]


def number_patches(count: int) -> NDArray[np.float16]:
    """Return features of a song whose patches hold their own number."""
    return np.repeat(np.arange(count, dtype=np.float16)[:, None], 4, axis=1)


def test_a_moment_is_three_patches_in_a_row_somewhere_in_the_song() -> None:
    songs = [number_patches(11)] * 200
    starts = [int(moment[0, 0]) for moment in cut_moments(songs, seed=0)]
    assert set(starts) == set(range(9))
    for moment in cut_moments(songs, seed=0):
        assert np.diff(moment[:, 0]).tolist() == [1, 1]
    assert starts == [int(moment[0, 0]) for moment in cut_moments(songs, seed=0)]
    assert starts != [int(moment[0, 0]) for moment in cut_moments(songs, seed=1)]


def test_a_song_that_is_no_longer_than_a_moment_is_heard_whole() -> None:
    for count in (1, 2, 3):
        (moment,) = cut_moments([number_patches(count)], seed=0)
        assert moment[:, 0].tolist() == list(range(count))


def test_mostly_silent_moments_are_heard_only_where_there_is_no_other() -> None:
    song = number_patches(12)
    song[2:10] = np.nan
    starts = {np.flatnonzero(~np.isnan(moment[:, 0])).size for moment in cut_moments([song] * 100, seed=0)}
    assert starts == {2}  # from 0 or from 9: two patches of three sound
    lone = number_patches(12)
    lone[np.arange(12) != 5] = np.nan
    for moment in cut_moments([lone] * 20, seed=0):
        assert np.nansum(moment[:, 0]) == 5


def test_a_system_is_trained_on_whole_songs_and_only_the_moments_differ(tmp_path: Path) -> None:
    images, music = make_labelled_features("image", 0), make_labelled_features("music", 1)
    rng = np.random.default_rng(0)
    whole = music.features[MUSIC].values
    noise = rng.normal(0, 12, (len(music), 9, whole.shape[1]))
    noise[:60] = 0  # of the first songs, every moment is like the whole
    patches = {MUSIC: list((whole[:, None] + noise).astype(np.float16))}
    system = PosteriorProduct()
    found = predict_moments(system, images, music, patches, [0], SilentProgress())
    (stored,) = cross_validate(system, images, music, [0], tmp_path, SilentProgress())
    for kept, heard, cut in zip(stored, found.whole[0], found.moments[0], strict=True):
        np.testing.assert_array_equal(kept.scores, heard.scores)
        np.testing.assert_array_equal(kept.image_vectors, cut.image_vectors)
        moved = np.abs(heard.music_vectors - cut.music_vectors).max(axis=1)
        assert moved[kept.music < 60].max() < 1e-2
        assert np.median(moved[kept.music >= 60]) > 1e-2
    loss = measure_moment_loss(found, patches, select_judged(images.rows, music.rows, ((), ())))
    assert loss is not None
    assert (loss.songs, loss.longer) == (120, 120)
    assert loss.difference.auc.value == pytest.approx(loss.moments[0].auc - loss.whole[0].auc)
    assert loss.difference.auc.value < -0.01
