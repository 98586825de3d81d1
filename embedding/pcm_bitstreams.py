"""Compressed sound that is stored as if it were PCM samples, and is noise when it is played as such.

DTS discs were copied to WAV and FLAC files as they are; players recognise them by the codec's sync words.
A receiver decodes them; whoever takes them for samples hears noise.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Samples per channel that are looked at, 64 KB of 16-bit stereo: at least two frames of each kind.
INSPECTED_SAMPLES: Final = 1 << 14
# Sync words of the codecs as they lie in a WAV: ETSI TS 102 114 (DTS, in words of 16 and of 14 bits, in both
# byte orders) and IEC 61937-1 (the preamble of the bursts of Dolby and others).
_SYNC_WORDS: Final = {
    b"\x7f\xfe\x80\x01": "DTS",
    b"\xfe\x7f\x01\x80": "DTS",
    b"\x1f\xff\xe8\x00": "DTS",
    b"\xff\x1f\x00\xe8": "DTS",
    b"\x72\xf8\x1f\x4e": "Dolby or DTS (IEC 61937)",
    b"\xf8\x72\x4e\x1f": "Dolby or DTS (IEC 61937)",
}
# A frame of any of these codecs takes the place of at least 384, and of a multiple of 128, stereo samples.
_MIN_FRAME_BYTES: Final = 384 * 4
_FRAME_STEP_BYTES: Final = 128 * 4
_DOP_MARKERS: Final = (0x05, 0xFA)
_MIN_DOP_SAMPLES: Final = 1 << 10


def find_bitstream(samples: NDArray[np.int16]) -> str | None:
    """Return the kind of compressed sound that is stored in place of samples.

    Real music is never taken for one: a sync word of 32 bits must occur twice or more, always at the distance
    of whole frames; or every sample must bear the marker of DSD over PCM (the "DoP" open standard).

    Args:
        samples: int16 (n, channels), the first INSPECTED_SAMPLES of a recording or any other part; of samples
            of more bits, the upper 16.

    Returns:
        The name of the codec; None for real samples.
    """
    data = samples[:INSPECTED_SAMPLES].astype("<i2", copy=False).tobytes()
    for word, name in _SYNC_WORDS.items():
        if _is_regular(_find_all(data, word)):
            return name
    return "DSD (DoP)" if _is_dop(samples) else None


def _find_all(data: bytes, word: bytes) -> list[int]:
    found = []
    offset = data.find(word)
    while offset >= 0:
        found.append(offset)
        offset = data.find(word, offset + len(word))
    return found


def _is_regular(offsets: list[int]) -> bool:
    """Return whether sync words come at distances that frames have; chance would give one word in 4 GB."""
    distances = [second - first for first, second in pairwise(offsets)]
    return bool(distances) and all(
        distance >= _MIN_FRAME_BYTES and distance % _FRAME_STEP_BYTES == 0 for distance in distances
    )


def _is_dop(samples: NDArray[np.int16]) -> bool:
    upper = (samples.view(np.uint16) >> 8)[:INSPECTED_SAMPLES]
    first, second = upper[0::2], upper[1::2]
    return len(upper) >= _MIN_DOP_SAMPLES and any(
        bool((first == a).all() and (second == b).all()) for a, b in (_DOP_MARKERS, _DOP_MARKERS[::-1])
    )
