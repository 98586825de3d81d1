"""Note transcription by Basic Pitch, applied to excerpts of a recording.

R. Bittner, J. Bosch, D. Rubinstein, G. Meseguer-Brocal, S. Ewert: A Lightweight Instrument-Agnostic Model for
Polyphonic Note Transcription and Multipitch Estimation, ICASSP 2022. The weights are Spotify's, unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attune.embedding.logmel import SAMPLE_RATE
from attune.embedding.onnx_session import OnnxSession

LOWEST_PITCH = 21
"""MIDI number of the lowest of the 88 pitches of a piano."""

FRAMES_PER_S = 86.13

EXCERPT_S = 30
MAX_EXCERPTS = 3

_FILE = Path(__file__).parent / "weights" / "basic_pitch.onnx"
_SHA256 = "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"
_MODEL_RATE = 22_050
_WINDOW_SAMPLES = 43_844
_NOTES_OUTPUT, _ONSETS_OUTPUT = "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"


@dataclass(frozen=True, slots=True)
class NoteActivations:
    """Probabilities of notes in one excerpt, at 86.13 frames per second.

    Attributes:
        activation: Probability that each pitch sounds, float32 (frames, 88) in [0, 1].
        onset: Probability that a note of each pitch begins, float32 (frames, 88) in [0, 1].
    """

    activation: NDArray[np.float32]
    onset: NDArray[np.float32]


def cut_excerpts(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Cut up to three excerpts of 30 s, evenly spread over a recording, so that the cost is bounded.

    Args:
        samples: Mono, 16 kHz, float32 (S,); at least one sample.

    Returns:
        One to three views of `samples`; a recording shorter than 30 s is one excerpt.
    """
    length = EXCERPT_S * SAMPLE_RATE
    count = min(MAX_EXCERPTS, max(1, round(len(samples) / length)))
    starts = [max(0, int((i + 0.5) / count * len(samples) - length / 2)) for i in range(count)]
    return [samples[start : start + length] for start in starts]


def transcribe_notes(samples: NDArray[np.float32]) -> NoteActivations:
    """Transcribe one excerpt.

    Args:
        samples: Mono, 16 kHz, float32 (S,); at least one sample. Less than a window of 2 s is repeated to
            fill one; an incomplete window at the end is ignored.

    Raises:
        ArtefactError: The weights are missing or damaged.
    """
    import soxr

    resampled = soxr.resample(samples, SAMPLE_RATE, _MODEL_RATE).astype(np.float32)
    count = max(1, len(resampled) // _WINDOW_SAMPLES)
    windows = np.resize(resampled, count * _WINDOW_SAMPLES).reshape(count, 1, _WINDOW_SAMPLES, 1)
    parts = [_load_session().run(window, _NOTES_OUTPUT, _ONSETS_OUTPUT) for window in windows]
    activation, onset = (np.concatenate([part[i][0] for part in parts]) for i in (0, 1))
    return NoteActivations(activation, onset)


@cache
def _load_session() -> OnnxSession:
    return OnnxSession(_FILE, _SHA256)
