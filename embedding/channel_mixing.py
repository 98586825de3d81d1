"""Mixing of channels to stereo, as a player does it, and from there to mono without losing what cancels.

FFmpeg's names tell where a channel belongs: FL is front left, BR back right, LFE low-frequency effects.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MINUS_3_DB: Final = 0.5**0.5
_FRONT_PAIRS: Final = frozenset(("FL", "FR", "FLC", "FRC", "DL", "DR"))
_CENTRES: Final = frozenset(("FC", "BC", "TC", "TFC", "TBC", "BFC"))
_EFFECTS: Final = frozenset(("LFE", "LFE2"))
_SIDE_PATTERN: Final = re.compile(r"[A-Z]*([LR])C?")
_OMNIDIRECTIONAL: Final = "AMBI0"  # the channel W of Ambisonics, which hears all directions alike

# Of the channels' mean power, the least share that their sum must keep. Unrelated channels keep half; the
# widest stereo that was measured, 0.33. What keeps a twentieth has lost 13 dB.
_CANCELLED_SHARE: Final = 0.05


def mix_to_stereo(channels: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float32]:
    """Mix the channels of any layout to left and right.

    Centre and surround channels are 3 dB softer than the front ones, low-frequency effects are left out, of
    Ambisonics the omnidirectional channel is heard. Where a name is unknown, all channels are averaged.

    Args:
        channels: float32 (channels, n).
        names: FFmpeg's name of each channel.

    Returns:
        float32 (1 or 2, n), not louder than the loudest channel: what is mono or stereo already is unchanged.
    """
    if len(channels) <= 2:
        return channels
    return np.asarray(np.einsum("sc,cn->sn", _stereo_gains(tuple(names)), channels))


@cache
def _stereo_gains(names: tuple[str, ...]) -> NDArray[np.float32]:
    """Return the gain of each channel, float32 (1 or 2, channels); each row sums to 1."""
    if names[0] == _OMNIDIRECTIONAL:
        return np.eye(1, len(names), dtype=np.float32)
    found = [_channel_gains(name) for name in names]
    known = [gains for gains in found if gains is not None]
    gains = np.array(known, np.float32).T
    if len(known) < len(names) or not gains.any(axis=1).all():
        gains = np.ones((1, len(names)), np.float32)
    return np.asarray(gains / gains.sum(axis=1, keepdims=True))


def _channel_gains(name: str) -> tuple[float, float] | None:
    """Return the gains of a channel in left and right; None if its name is unknown."""
    if name in _EFFECTS:
        return 0.0, 0.0
    if name in _CENTRES:
        return _MINUS_3_DB, _MINUS_3_DB
    side = _SIDE_PATTERN.fullmatch(name)
    if side is None:
        return None
    gain = 1.0 if name in _FRONT_PAIRS else _MINUS_3_DB
    return (gain, 0.0) if side[1] == "L" else (0.0, gain)


class MonoMixer:
    """Mixes stereo to mono block by block, and notes how much of the sound cancels.

    A vocal or a whole mix may be of opposite sign in both channels: it is heard from loudspeakers, and gone
    in their sum.
    """

    def __init__(self) -> None:
        self._left = self._right = self._mixed = 0.0

    def average(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean of the channels, float32 (n,), and count it.

        Args:
            stereo: float32 (1 or 2, n), finite.
        """
        if len(stereo) == 1:
            return np.asarray(stereo[0])
        mixed = np.asarray(0.5 * (stereo[0] + stereo[1]))
        self._left += _energy(stereo[0])
        self._right += _energy(stereo[1])
        self._mixed += _energy(mixed)
        return mixed

    def pick_louder(self, stereo: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the channel, float32 (n,), that was louder in all that `average` has counted."""
        return np.ascontiguousarray(stereo[-1 if self._right > self._left else 0])

    @property
    def has_cancelled(self) -> bool:
        """Whether next to nothing is left of the channels in their mean."""
        return self._mixed < _CANCELLED_SHARE * 0.5 * (self._left + self._right)


def _energy(samples: NDArray[np.float32]) -> float:
    return float(np.einsum("i,i->", samples, samples))
