"""Beats and sections of a song, found by librosa."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from attune.core.errors import AttuneError
from attune.retrieval.story.song_audio import decode_mono

if TYPE_CHECKING:
    from types import ModuleType

_RATE: Final = 22_050  # Hz, for which librosa's beat tracker was tuned; gives frames of 23 ms
_HOP: Final = 512
_SECTION_S: Final = 24.0  # about the length of a verse or a chorus
_MIN_SECTION_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Beats and sections of a song.

    Attributes:
        duration_s: Length of the song in seconds.
        tempo_bpm: Beats per minute; 0 if no beat is found.
        beats_s: float64 (n,), times of the beats in seconds, ascending, inside the song; empty if none are
            found.
        sections_s: float64 (k,), times at which sections begin, ascending: the first is 0, the others are
            beats.
    """

    duration_s: float
    tempo_bpm: float
    beats_s: NDArray[np.float64]
    sections_s: NDArray[np.float64]


def require_librosa() -> None:
    """Make sure that librosa, which finds the beats, is installed.

    Raises:
        AttuneError: librosa is not installed.
    """
    if importlib.util.find_spec("librosa") is None:
        raise AttuneError('a storyboard needs librosa: pip install "attune-affect[story]"')


def analyze_rhythm(path: str) -> Rhythm:
    """Find the beats and sections of a song.

    Both are librosa's: beats by dynamic programming over the onset envelope, and sections by agglomerative
    segmentation of timbre and harmony per beat, about one for every 24 seconds.

    Raises:
        AttuneError: librosa is not installed.
        MediaError: The song cannot be decoded.
        UsageError: The song is longer than half an hour.
    """
    require_librosa()
    import librosa

    samples = decode_mono(path, _RATE)
    duration_s = len(samples) / _RATE
    mel = librosa.feature.melspectrogram(y=samples, sr=_RATE, hop_length=_HOP)
    decibels = librosa.power_to_db(mel)
    onsets = librosa.onset.onset_strength(S=decibels, sr=_RATE, hop_length=_HOP, aggregate=np.median)
    tempo, frames = librosa.beat.beat_track(
        onset_envelope=onsets,
        sr=_RATE,
        hop_length=_HOP,
        trim=False,  # keeps the beats of a quiet ending
    )
    beats_s = np.asarray(librosa.frames_to_time(frames, sr=_RATE, hop_length=_HOP), np.float64)
    inside = (beats_s > 0) & (beats_s < duration_s)
    frames, beats_s = frames[inside], beats_s[inside]
    if len(beats_s) < 2:
        return Rhythm(duration_s, 0.0, np.zeros(0), np.zeros(1))
    firsts = _find_section_beats(librosa, samples, decibels, frames, duration_s)
    sections_s = np.concatenate([[0.0], beats_s[firsts]])
    return Rhythm(
        duration_s, float(np.ravel(tempo)[0]), beats_s, _merge_short_sections(sections_s, duration_s)
    )


def _find_section_beats(
    librosa: ModuleType,
    samples: NDArray[np.float32],
    decibels: NDArray[np.float32],
    frames: NDArray[np.int64],
    duration_s: float,
) -> NDArray[np.int64]:
    """Return the indices of the beats at which a section begins, without the first section."""
    count = min(round(duration_s / _SECTION_S), len(frames) - 1)
    if count < 2:
        return np.zeros(0, np.int64)
    timbre = librosa.feature.mfcc(S=decibels, n_mfcc=13)
    harmony = librosa.feature.chroma_stft(y=samples, sr=_RATE, hop_length=_HOP, tuning=0.0)
    both: NDArray[Any] = np.concatenate([_standardize(timbre), _standardize(harmony)])
    # One column for each beat, and one more for the time before the first beat.
    beat_features = librosa.util.sync(both, frames)
    starts = np.asarray(librosa.segment.agglomerative(beat_features, count), np.int64)
    return np.asarray(starts[starts > 0] - 1, np.int64)


def _standardize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row to mean 0 and variance 1, divided so that all rows together weigh as much as one."""
    spread = rows.std(axis=1, keepdims=True) + 1e-6
    return np.asarray((rows - rows.mean(axis=1, keepdims=True)) / spread / np.sqrt(len(rows)), np.float32)


def _merge_short_sections(sections_s: NDArray[np.float64], duration_s: float) -> NDArray[np.float64]:
    """Join each section shorter than 8 s to the section before it, the first to the section after it."""
    kept = [0.0]
    for start in sections_s[1:].tolist():
        if start - kept[-1] >= _MIN_SECTION_S and duration_s - start >= _MIN_SECTION_S:
            kept.append(start)
    return np.array(kept)
