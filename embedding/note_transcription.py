"""Which notes sound when: Basic Pitch over some stretches of a recording.

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
"""MIDI number of the first of 88 pitches, those of a piano."""

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
    """What was heard in one stretch.

    Attributes:
        sounding: float32 (frames, 88), how surely each pitch sounds, in [0, 1]; 86 frames a second.
        onset: The same of the moment at which a note begins.
    """

    activation: NDArray[np.float32]
    onset: NDArray[np.float32]


def cut_excerpts(samples: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Cut up to three stretches of 30 s, evenly spread over a recording: a long song costs no more.

    Args:
        samples: Mono, 16 kHz, (S,); at least one.
    """
    length = EXCERPT_S * SAMPLE_RATE
    count = min(MAX_EXCERPTS, max(1, round(len(samples) / length)))
    starts = [max(0, int((i + 0.5) / count * len(samples) - length / 2)) for i in range(count)]
    return [samples[start : start + length] for start in starts]


def transcribe_notes(samples: NDArray[np.float32]) -> NoteActivations:
    """Transcribe one stretch.

    Args:
        samples: Mono, 16 kHz, (S,); at least one. What is shorter than a window of 2 s is repeated; what is
            left after the last whole window is not heard.

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
