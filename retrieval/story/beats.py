"""Where a song's beats and sections are."""

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

_RATE: Final = 22_050  # what librosa's beat tracker was tuned at; frames of 23 ms
_HOP: Final = 512
_SECTION_S: Final = 24.0  # about a verse or a chorus
_MIN_SECTION_S: Final = 8.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When things happen in a song.

    Attributes:
        duration_s: How long it sounds, in seconds.
        tempo_bpm: Beats a minute; 0 where no beat is found.
        beats_s: float64 (n,), ascending, inside the song; empty where no beat is found.
        sections_s: float64 (k,), where sections begin, ascending: 0 first, the others on beats.
    """

    duration_s: float
    tempo_bpm: float
    beats_s: NDArray[np.float64]
    sections_s: NDArray[np.float64]


def require_librosa() -> None:
    """Make sure that beats can be found.

    Raises:
        AttuneError: librosa is not installed.
    """
    if importlib.util.find_spec("librosa") is None:
        raise AttuneError('a storyboard needs librosa: pip install "attune-affect[story]"')


def analyze_rhythm(path: str) -> Rhythm:
    """Find the beats and sections of a song.

    Beats are librosa's: dynamic programming over the onset envelope. Sections are its bottom-up segmentation
    of timbre and harmony, beat by beat, one for about every 24 seconds.

    Raises:
        AttuneError: librosa is not installed.
        MediaError: The song cannot be decoded.
        UsageError: It is longer than half an hour.
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
        trim=False,  # a quiet end, however long, has beats too
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
    """Return the indices of the beats at which a section begins; the song's beginning is none of them."""
    count = min(round(duration_s / _SECTION_S), len(frames) - 1)
    if count < 2:
        return np.zeros(0, np.int64)
    timbre = librosa.feature.mfcc(S=decibels, n_mfcc=13)
    harmony = librosa.feature.chroma_stft(y=samples, sr=_RATE, hop_length=_HOP, tuning=0.0)
    both: NDArray[Any] = np.concatenate([_standardize(timbre), _standardize(harmony)])
    beat_by_beat = librosa.util.sync(both, frames)  # from the beginning on: one column before the first beat
    starts = np.asarray(librosa.segment.agglomerative(beat_by_beat, count), np.int64)
    return np.asarray(starts[starts > 0] - 1, np.int64)


def _standardize(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give each row mean 0 and variance 1, and all rows together the weight of one."""
    spread = rows.std(axis=1, keepdims=True) + 1e-6
    return np.asarray((rows - rows.mean(axis=1, keepdims=True)) / spread / np.sqrt(len(rows)), np.float32)


def _merge_short_sections(sections_s: NDArray[np.float64], duration_s: float) -> NDArray[np.float64]:
    """Join sections shorter than 8 s to the one before them; the first to the one after it."""
    kept = [0.0]
    for start in sections_s[1:].tolist():
        if start - kept[-1] >= _MIN_SECTION_S and duration_s - start >= _MIN_SECTION_S:
            kept.append(start)
    return np.array(kept)
