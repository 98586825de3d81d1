"""Harmonic features of a recording: key and mode, chords, their movement, note density, register and pulse.

The contrast of major and minor, and related cues, distinguish happy from sad music where timbre does not. The
59 numbers are plain functions of the notes that `attune.embedding.note_transcription` finds, averaged over
its excerpts. Nothing here calls BLAS, whose rounding depends on its number of threads: products are taken by
`np.einsum`, and `np.linalg.norm` is given an axis, as it calls BLAS without one.

Key profiles: Krumhansl, Kessler 1982; Temperley, Music and Probability, 2007. Tonal centroid: Harte,
Sandler, Gasser, AMCMM 2006.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from attune.embedding.logmel import BANDS
from attune.embedding.note_transcription import (
    FRAMES_PER_S,
    LOWEST_PITCH,
    NoteActivations,
    cut_excerpts,
    transcribe_notes,
)

WIDTH = 59

Profile = NDArray[np.float64]

_KRUMHANSL = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
_TEMPERLEY = (
    (0.748, 0.060, 0.488, 0.082, 0.670, 0.460, 0.096, 0.715, 0.104, 0.366, 0.057, 0.400),
    (0.712, 0.084, 0.474, 0.618, 0.049, 0.460, 0.105, 0.747, 0.404, 0.067, 0.133, 0.330),
)
_CHORDS = (
    (0, 4, 7),
    (0, 3, 7),
    (0, 3, 6),
    (0, 4, 8),
    (0, 5, 7),
)  # major, minor, diminished, augmented, suspended
_ROUGHNESS = (0.0, 1.0, 0.7, 0.3, 0.15, 0.1, 0.9)  # per interval class, from unison to tritone
_PITCHES = np.arange(LOWEST_PITCH, LOWEST_PITCH + 88)
_AUDIBLE_THRESHOLD, _SOUNDING_THRESHOLD, _ONSET_THRESHOLD = 0.25, 0.4, 0.5
_HALF_SECOND_FRAMES = 43  # at 86.13 frames per second
_LAG_RANGE = (25, 110)  # frames between beats, for a tempo of 207 to 47 per minute


def compute_harmonic_features(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the harmonic features of a recording, float32 (59,), all finite.

    Args:
        samples: Mono, 16 kHz, float32 (S,), levelled; at least one sample.

    Raises:
        ArtefactError: The weights are missing or damaged.
    """
    descriptions = np.stack([describe_notes(transcribe_notes(excerpt)) for excerpt in cut_excerpts(samples)])
    return np.asarray(descriptions.mean(axis=0), np.float32)


def append_harmonic_features(
    patches: NDArray[np.float32], samples: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Append a recording's harmonic features to each of its patches, as one more frame.

    Args:
        patches: Log-mel patches, float32 (n, 187, 96).
        samples: The parts that sound of the recording they were computed from: mono, 16 kHz, float32 (S,).

    Returns:
        float32 (n, 188, 96); the last frame holds the 59 features, then zeros.

    Raises:
        ArtefactError: The weights are missing or damaged.
    """
    frame = np.zeros(BANDS, np.float32)
    frame[:WIDTH] = compute_harmonic_features(samples)
    return np.concatenate([patches, np.broadcast_to(frame, (len(patches), 1, BANDS))], axis=1)


def describe_notes(notes: NoteActivations) -> NDArray[np.float32]:
    """Return the 59 features of one excerpt's notes, float32 (59,), all finite."""
    loud = np.where(notes.activation > _AUDIBLE_THRESHOLD, notes.activation, 0.0).astype(np.float64)
    classes = _sum_octaves(loud)
    parts = [
        _describe_key(classes),
        _describe_tonic_profile(_normalize(classes.sum(axis=0))),
        *_describe_chords(_sum_half_seconds(classes)),
        _describe_texture(notes),
        _describe_voices(notes, loud),
        _describe_pulse(notes.onset.sum(axis=1, dtype=np.float64)),
    ]
    return np.nan_to_num(np.concatenate(parts)).astype(np.float32)


def _sum_octaves(pitches: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum pitches (frames, 88) over octaves, giving pitch classes (frames, 12), C first."""
    return np.stack([pitches[:, tone == _PITCHES % 12].sum(axis=1) for tone in range(12)], axis=1)


def _normalize(profile: NDArray[np.float64]) -> Profile:
    return np.asarray(profile / (profile.sum() + 1e-9))


def _correlate_keys(profile: Profile, kind: tuple[tuple[float, ...], ...]) -> tuple[Profile, Profile]:
    """Return the correlations of a profile (12,) with the twelve major and the twelve minor keys."""
    major, minor = (_correlate(profile, _rotate_profile(np.array(key))) for key in kind)
    return major, minor


def _describe_key(classes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return mode and clarity of the key, for the whole excerpt and over its thirds, (8,)."""
    whole = _describe_mode(_normalize(classes.sum(axis=0)))
    thirds = np.array([_describe_mode(_normalize(part.sum(axis=0))) for part in np.array_split(classes, 3)])
    mode, _, clarity, _ = thirds.mean(axis=0)
    return np.array([*whole, mode, thirds[:, 0].std(), thirds[:, 1].mean(), clarity])


def _describe_mode(profile: Profile) -> list[float]:
    """Return major minus minor by two sets of profiles, the best correlation, and its lead over the next."""
    major, minor = _correlate_keys(profile, _KRUMHANSL)
    other_major, other_minor = _correlate_keys(profile, _TEMPERLEY)
    fits = np.sort(np.concatenate([major, minor]))
    return [major.max() - minor.max(), other_major.max() - other_minor.max(), fits[-1], fits[-1] - fits[-2]]


def _describe_tonic_profile(profile: Profile) -> NDArray[np.float64]:
    """Return the profile starting at the most likely tonic, its contrasts of mode, and its entropy, (16,)."""
    tonic = int(np.concatenate(_correlate_keys(profile, _KRUMHANSL)).argmax()) % 12
    rotated = np.roll(profile, -tonic)
    contrasts = [rotated[4] - rotated[3], rotated[9] - rotated[8], rotated[11] - rotated[10]]
    return np.array([*np.sqrt(rotated), *contrasts, -(profile * np.log(profile + 1e-9)).sum()])


def _sum_half_seconds(classes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum pitch classes over half seconds, and drop nearly silent ones: (half seconds, 12)."""
    count = len(classes) // _HALF_SECOND_FRAMES
    beats = classes[: count * _HALF_SECOND_FRAMES].reshape(count, _HALF_SECOND_FRAMES, 12).sum(axis=1)
    loudness = beats.sum(axis=1)
    audible = loudness[loudness > 0]
    loud_beats = beats[loudness > 0.1 * np.median(audible)] if len(audible) else beats[:0]
    return loud_beats if len(loud_beats) >= 3 else np.full((3, 12), 1 / 12)


def _describe_chords(beats: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return features of chords (9,), of their movement (3,), and of roughness and intervals (7,)."""
    unit = beats / np.linalg.norm(beats, axis=1, keepdims=True)
    fits = np.einsum("bp,ckp->bck", unit, _chord_vectors())
    best = fits.reshape(len(beats), -1).argmax(axis=1) // 12
    kinds = [float(np.mean(best == kind)) for kind in range(len(_CHORDS))]
    by_kind = fits.max(axis=2)
    major_contrast = by_kind[:, 0] - by_kind[:, 1]
    diminished_contrast = by_kind[:, 2] - by_kind[:, :2].max(axis=1)
    chords = np.array(
        [
            *kinds,
            major_contrast.mean(),
            major_contrast.std(),
            by_kind.max(axis=1).mean(),
            diminished_contrast.mean(),
        ]
    )

    shares = beats / beats.sum(axis=1, keepdims=True)
    centroids = np.einsum("bp,ap->ba", shares, _tonal_axes())
    steps = np.linalg.norm(np.diff(centroids, axis=0), axis=1)
    tonal_distance = np.linalg.norm(centroids, axis=1)
    movement = np.array([steps.mean(), tonal_distance.mean(), np.linalg.norm(centroids.mean(axis=0), axis=0)])

    interval = np.abs(np.arange(12)[:, None] - np.arange(12))
    interval = np.minimum(interval, 12 - interval)
    cooccurrence = (shares[:, :, None] * shares[:, None]).mean(axis=0)
    intervals = np.array([cooccurrence[interval == size].sum() for size in range(7)])
    roughness = (intervals * np.array(_ROUGHNESS)).sum()
    return [chords, movement, np.array([roughness, *intervals[1:]])]


def _describe_texture(notes: NoteActivations) -> NDArray[np.float64]:
    """Return note density, number of simultaneous voices, and register, (6,)."""
    sounds = notes.activation > _SOUNDING_THRESHOLD
    voices, pitch_counts = sounds.sum(axis=1), sounds.sum(axis=0)
    total = pitch_counts.sum() + 1e-9
    centre = (pitch_counts * _PITCHES).sum() / total
    spread = np.sqrt((pitch_counts * (_PITCHES - centre) ** 2).sum() / total)
    density = np.log1p((notes.onset > _ONSET_THRESHOLD).sum() / (len(sounds) / FRAMES_PER_S))
    return np.array([density, voices.mean(), voices.std(), (voices == 0).mean(), centre, spread])


def _describe_voices(notes: NoteActivations, loud: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return pitch and movement of the highest and the lowest voice, length and confidence of notes, (7,)."""
    sounds = notes.activation > _SOUNDING_THRESHOLD
    active = sounds.any(axis=1)
    top = np.where(active, _PITCHES[-1] - sounds[:, ::-1].argmax(axis=1), 0)[active]
    bottom = np.where(active, _PITCHES[0] + sounds.argmax(axis=1), 0)[active]
    if len(top) < 10:  # nearly silent: assume one constant voice in the middle
        top = bottom = np.full(10, 60)
    length = np.log1p(sounds.sum() / ((notes.onset > _ONSET_THRESHOLD).sum() + 1))
    confidence = loud[sounds].mean() if sounds.any() else 0.0
    leaps = np.abs(np.diff(top)).mean()
    return np.array([top.mean(), top.std(), bottom.mean(), bottom.std(), leaps, length, confidence])


def _describe_pulse(onset: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return strength and period of the pulse, and how unevenly notes begin, (3,)."""
    centred = onset - onset.mean()
    products = [np.einsum("i,i->", centred[lag:], centred[:-lag]) for lag in range(*_LAG_RANGE)]
    window = np.array(products) / (np.einsum("i,i->", centred, centred) + 1e-9)
    lag = np.log(_LAG_RANGE[0] + int(window.argmax()))
    return np.array([window.max(), lag, onset.std() / (onset.mean() + 1e-9)])


def _rotate_profile(profile: Profile) -> NDArray[np.float64]:
    return np.stack([np.roll(profile, steps) for steps in range(12)])


def _correlate(profile: Profile, others: NDArray[np.float64]) -> Profile:
    centered = profile - profile.mean()
    centered_others = others - others.mean(axis=1, keepdims=True)
    products = np.einsum("ij,j->i", centered_others, centered)
    norms = np.linalg.norm(centered_others, axis=1) * np.linalg.norm(centered, axis=0)
    return np.asarray(products / (norms + 1e-9))


@cache
def _chord_vectors() -> NDArray[np.float64]:
    """Return unit vectors of every kind of chord on every root, (kinds, 12, 12)."""
    kinds = []
    for chord in _CHORDS:
        tones = np.zeros(12)
        tones[list(chord)] = 1.0
        kinds.append(_rotate_profile(tones / np.linalg.norm(tones, axis=0)))
    return np.stack(kinds)


@cache
def _tonal_axes() -> NDArray[np.float64]:
    """Return the circles of fifths, minor thirds and major thirds, (6, 12)."""
    turns = ((7 * np.pi / 6, 1.0), (3 * np.pi / 2, 1.0), (2 * np.pi / 3, 0.5))
    angles = np.arange(12)
    return np.stack([size * wave(angles * turn) for turn, size in turns for wave in (np.sin, np.cos)])
