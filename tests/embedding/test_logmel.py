"""Log-mel spectrograms equal librosa's for any length, and patches are cut as documented."""

import numpy as np
import pytest

from attune.embedding.logmel import BANDS, PATCH_FRAMES, compute_logmel, split_patches
from attune.training.convert.golden_features import make_synthetic_samples


def librosa_logmel(samples):
    import librosa

    power = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=512, hop_length=256, n_mels=96, pad_mode="reflect"
    )
    return np.log10(10_000 * power.T + 1)


def noise(length, scale=0.3):
    return (np.random.default_rng(7).standard_normal(length) * scale).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize(
    "samples",
    [
        make_synthetic_samples(),
        noise(16_000),
        noise(1025),
        noise(16_000, scale=1e-5),
        np.zeros(2000, dtype=np.float32),
        np.ones(5000, dtype=np.float32),
    ],
    ids=["chord", "noise", "odd length", "faint", "silence", "constant"],
)
def test_equals_librosa(samples):
    ours = compute_logmel(samples)
    assert ours.dtype == np.float32
    assert ours.shape == (1 + len(samples) // 256, BANDS)
    np.testing.assert_allclose(ours, librosa_logmel(samples), atol=5e-5)


def test_blocks_leave_no_seam(monkeypatch):
    samples = noise(40_000)
    whole = compute_logmel(samples)
    monkeypatch.setattr("attune.embedding.logmel._BLOCK_FRAMES", 7)
    np.testing.assert_allclose(compute_logmel(samples), whole, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 255, 256])
def test_very_short_sounds_have_finite_frames(length):
    result = compute_logmel(np.full(length, 0.5, dtype=np.float32))
    assert result.shape == (1 + length // 256, BANDS)
    assert np.isfinite(result).all()


def test_empty_audio_is_refused():
    with pytest.raises(ValueError):
        compute_logmel(np.zeros(0, dtype=np.float32))


def test_patches_are_consecutive_and_the_remainder_is_dropped():
    spectrogram = np.arange((2 * PATCH_FRAMES + 5) * BANDS, dtype=np.float32).reshape(-1, BANDS)
    patches = split_patches(spectrogram)
    assert patches.shape == (2, PATCH_FRAMES, BANDS)
    np.testing.assert_array_equal(patches.reshape(-1, BANDS), spectrogram[: 2 * PATCH_FRAMES])


@pytest.mark.parametrize("frames", [1, 60, PATCH_FRAMES - 1])
def test_a_short_sound_is_repeated_to_one_patch(frames):
    spectrogram = np.random.default_rng(1).random((frames, BANDS), dtype=np.float32)
    patches = split_patches(spectrogram)
    assert patches.shape == (1, PATCH_FRAMES, BANDS)
    assert patches.dtype == np.float32
    for index in range(PATCH_FRAMES):
        np.testing.assert_array_equal(patches[0, index], spectrogram[index % frames])
