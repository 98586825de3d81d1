"""Patches of music in which there is nothing to hear: digital silence in samples, NaN in what follows.

`attune.embedding.levelled_sound` makes silence exact. Each silent patch keeps its row, so that a row's number
tells its time; the row is NaN from the backbone's input to the stored features, and counts in no mean. Lost
features are zeros, so the two are never confused.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attune.embedding.logmel import PATCH_SAMPLES, count_patches


def find_silence(samples: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which patches of a recording are digital silence, bool (patches,).

    Args:
        samples: Mono, 16 kHz, float32 (S,); at least one sample.
    """
    patches = count_patches(len(samples))
    is_sound = samples[: patches * PATCH_SAMPLES] != 0
    return np.logical_not(np.logical_or.reduceat(is_sound, np.arange(patches) * PATCH_SAMPLES))


def mark_silence(patches: NDArray[np.float32], samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return log-mel patches, float32 (n, 187, 96), those of digital silence filled with NaN.

    Args:
        patches: Log-mel patches, float32 (n, 187, 96).
        samples: The recording that they were computed from: mono, 16 kHz, float32 (S,).
    """
    is_silent = find_silence(samples)
    return np.where(is_silent[:, None, None], np.float32(np.nan), patches) if is_silent.any() else patches


def remove_silence(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a recording without the patches of digital silence, float32 (n,).

    Args:
        samples: Mono, 16 kHz, float32 (S,); at least one sample.
    """
    is_silent = find_silence(samples)
    if not is_silent.any():
        return samples
    starts = np.arange(len(is_silent)) * PATCH_SAMPLES
    whole = [samples[start : start + PATCH_SAMPLES] for start in starts[~is_silent]]
    rest = samples[len(is_silent) * PATCH_SAMPLES :]
    return np.concatenate([*whole, rest] if rest.any() else whole)


def is_silent(rows: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Return which rows mark silence, bool (n,): patches (n, 187, 96), features (n, width) or embeddings."""
    return np.asarray(np.isnan(rows.reshape(len(rows), -1)[:, 0]))


def average_sounding(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the mean of the rows that are not silent, float32 (width,); NaN if all are.

    Args:
        features: float16 (rows, width), of music or of a picture; at least one row.
    """
    sounding = features[~is_silent(features)].astype(np.float32)
    return sounding.mean(axis=0) if len(sounding) else np.full(features.shape[1], np.nan, np.float32)
