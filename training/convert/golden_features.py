"""Reference features for the tests: synthetic inputs, and their features by the original implementations.

    python -m attune.training.convert.golden_features

writes `tests/training/golden_backbones.npz`. The tests need neither the original packages nor TensorFlow. The
required packages are listed in `requirements.txt`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.embedding.image_geometry import SIDE
from attune.embedding.logmel import SAMPLE_RATE, compute_logmel, split_patches

GOLDEN_FILE = Path(__file__).parents[2] / "tests" / "training" / "golden_backbones.npz"


def make_synthetic_pixels() -> NDArray[np.uint8]:
    """Make two pictures by integer arithmetic: a colour gradient with stripes, and tiles with sharp edges.

    Returns:
        uint8 `(2, SIDE, SIDE, 3)`.
    """
    y, x, channel = np.ogrid[:SIDE, :SIDE, :3]
    gradient = (x * (channel + 1) // 3 + y + 40 * ((x // 16) % 2)) % 256
    tiles = ((x // 7) ^ (y // 5)) * (5 + 3 * channel) % 256
    return np.stack([gradient, tiles]).astype(np.uint8)


def make_synthetic_samples() -> NDArray[np.float32]:
    """Synthesise six seconds: a minor chord of rising volume, then a faster major arpeggio.

    Returns:
        Float32 `(95744,)`, 16 kHz: two whole patches.
    """
    time = np.arange(2 * 187 * 256) / SAMPLE_RATE
    tones = [np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 261.63, 329.63)]
    chord = np.sum(tones, axis=0) * 0.2 * np.sin(0.5 * time)
    notes = np.array([440.0, 554.37, 659.26, 880.0])[(time * 4).astype(int) % 4]
    arpeggio = np.sin(2 * np.pi * notes * time) * np.exp(-8 * (time * 4 % 1) / 4) * 0.5
    samples: NDArray[np.float32] = np.where(time < 3, chord, arpeggio).astype(np.float32)
    return samples


def make_synthetic_segments() -> NDArray[np.float32]:
    """Return the log-mel patches of `make_synthetic_samples`, float32 `(2, 187, 96)`."""
    return split_patches(compute_logmel(make_synthetic_samples()))


def main() -> None:
    """Compute the features of both modalities with the original implementations and write the file."""
    from attune.training.convert import reference_features

    np.savez_compressed(
        GOLDEN_FILE,
        image=reference_features.compute_image_features(make_synthetic_pixels()),
        music=reference_features.compute_music_features(make_synthetic_segments()),
    )


if __name__ == "__main__":
    main()
