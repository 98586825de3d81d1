"""Preparation of music for backbones: one loudness, silence made exact, and nothing that is no music.

    samples → loudness → sounding and silent patches → gain, zeros in silent patches

Digital silence marks a silent patch from here on (`attune.embedding.silent_patches`).
"""

from __future__ import annotations

import os
from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import MediaError
from attune.embedding.logmel import PATCH_SAMPLES, count_patches
from attune.embedding.loudness import (
    ABSOLUTE_GATE_LUFS,
    STEP_SAMPLES,
    gain_to_target,
    integrate_loudness,
    measure_power,
    to_lufs,
)
from attune.embedding.silent_patches import remove_silence
from attune.embedding.steady_noise import is_steady_noise

_SILENT_BELOW_LU: Final = 40.0  # below the loudness of the recording; quieter passages of music are louder
_LEAST_SOUNDING_SHARE: Final = 1 / 3  # of the share in the patch that sounds most, as music has rests


def level_sound(path: str | os.PathLike[str], samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bring music to one loudness, and replace its silent patches by digital silence.

    Args:
        path: Name of the file, for errors.
        samples: Mono, 16 kHz, float32 (S,), full scale ±1, finite; at least half a second.

    Returns:
        float32 (S,). Samples may exceed ±1.

    Raises:
        MediaError: There is nothing to hear but silence or steady hiss.
    """
    power = measure_power(samples)
    loudness = integrate_loudness(power)
    sounding = find_sounding_patches(power, loudness, count_patches(len(samples)))
    if not sounding.any():
        raise MediaError(path, f"silent: nothing in it is louder than {ABSOLUTE_GATE_LUFS:g} LUFS")
    levelled = samples * np.float32(gain_to_target(loudness))
    for patch in np.flatnonzero(~sounding):
        levelled[patch * PATCH_SAMPLES : (patch + 1) * PATCH_SAMPLES] = 0.0
    if is_steady_noise(remove_silence(levelled)):
        raise MediaError(path, "nothing but hiss: steady noise without any music in it")
    return levelled


def find_sounding_patches(power: NDArray[np.float64], loudness: float, patches: int) -> NDArray[np.bool_]:
    """Return which patches of a recording have sound, bool (patches,).

    Args:
        power: K-weighted mean square of each step of 100 ms, from `attune.embedding.loudness`.
        loudness: Loudness of the recording in LUFS.
        patches: Number of its patches.
    """
    is_audible = to_lufs(power) > max(ABSOLUTE_GATE_LUFS, loudness - _SILENT_BELOW_LU)
    patch_of_step = (np.arange(len(power)) * STEP_SAMPLES + STEP_SAMPLES // 2) // PATCH_SAMPLES
    is_counted = patch_of_step < patches
    audible_steps, steps = (
        np.bincount(patch_of_step[is_counted], weights, patches)
        for weights in (is_audible[is_counted], np.ones(int(is_counted.sum())))
    )
    shares = audible_steps / np.maximum(steps, 1)
    return np.asarray((shares > 0) & (shares >= _LEAST_SOUNDING_SHARE * shares.max()))
