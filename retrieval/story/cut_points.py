"""Cut points of a film: the optimal division of a song into spans that end on beats."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from attune.retrieval.story.beats import Rhythm

_SECTION_PENALTY: Final = 0.5  # cost of each section that begins inside a span
_AROUSAL_GAIN: Final = 2.0  # where arousal is 0.5 above the song's mean, spans are half as long
_GROWTH: Final = 1.1  # factor of the wanted length, as long as there are too many spans


def choose_cut_times(
    rhythm: Rhythm,
    seconds: float,
    most: int,
    arousal: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Choose the times at which the picture changes.

    Of all divisions of the song at beats, the one with the least cost is found by dynamic programming: a span
    costs the squared log ratio of its length to the wanted length, and 0.5 for each section that begins
    inside it. Where the arousal is above the song's mean, the wanted length is shorter. A song without beats
    is divided evenly.

    Args:
        rhythm: Beats and sections of the song.
        seconds: The wanted mean length of a span.
        most: The largest number of spans; if the wanted length gives more, it is increased.
        arousal: Times in seconds, ascending, and the song's arousal at these times, in [-1, 1].

    Returns:
        float64 (spans + 1,), times in seconds, ascending, from 0 to the song's end; those between are beats.
    """
    times, values = arousal
    allowed = np.concatenate([[0.0], rhythm.beats_s, [rhythm.duration_s]])
    if not len(rhythm.beats_s):
        count = max(1, min(most, round(rhythm.duration_s / seconds)))
        return np.linspace(0.0, rhythm.duration_s, count + 1)
    pace = np.clip(2.0 ** (-_AROUSAL_GAIN * (np.interp(allowed, times, values) - values.mean())), 0.5, 2.0)
    pace /= pace.mean()
    while True:
        chosen = _find_cheapest_path(allowed, seconds * pace, rhythm.sections_s)
        if len(chosen) - 1 <= most:
            return chosen
        seconds *= _GROWTH


def _find_cheapest_path(
    allowed: NDArray[np.float64], wanted: NDArray[np.float64], sections: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the times on the cheapest path from the first to the last allowed time."""
    section = np.searchsorted(sections, allowed, side="right")
    cost = np.full(len(allowed), np.inf)
    cost[0] = 0.0
    before = np.zeros(len(allowed), np.int64)
    for end in range(1, len(allowed)):
        lengths = allowed[end] - allowed[:end]
        begun_inside = section[end] - section[:end] - (allowed[end] in sections)
        span = np.log(lengths / wanted[:end]) ** 2 + _SECTION_PENALTY * begun_inside
        total = cost[:end] + span
        before[end] = np.argmin(total)
        cost[end] = total[before[end]]
    path = [len(allowed) - 1]
    while path[-1] > 0:
        path.append(int(before[path[-1]]))
    return allowed[path[::-1]]
