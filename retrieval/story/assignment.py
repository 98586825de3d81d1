"""Assignment of pictures to the spans of a song, with the largest total worth.

An assignment gives each span a picture of its own. Its worth is

    sum of scores[span, picture]
        - sum of transition_weights[gap] * transition_costs[picture before the gap, picture after it]

`assign_by_mood` starts from the exact optimum of the scores alone and then exchanges pictures as long as an
exchange increases the worth; no single exchange can improve its result. `assign_in_order` is exact and keeps
the pictures in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MIN_GAIN: Final = 1e-9  # a smaller gain may be a rounding error, and exchanges would never end


@dataclass(frozen=True, slots=True)
class AssignmentProblem:
    """Scores and costs of an assignment.

    Attributes:
        scores: float64 (spans, pictures), how well each picture fits each span; pictures >= spans.
        transition_costs: float64 (pictures, pictures), symmetric, >= 0, cost of showing one picture directly
            before or after another.
        transition_weights: float64 (spans - 1,), >= 0, weight of that cost at each change of picture.
    """

    scores: NDArray[np.float64]
    transition_costs: NDArray[np.float64]
    transition_weights: NDArray[np.float64]

    def worth(self, chosen: NDArray[np.int64]) -> float:
        """Return the worth of an assignment: int64 (spans,), indices of pictures."""
        fits = self.scores[np.arange(len(chosen)), chosen].sum()
        return float(fits - (self.transition_weights * self.transition_costs[chosen[:-1], chosen[1:]]).sum())

    def score_span(self, chosen: NDArray[np.int64], span: int) -> NDArray[np.float64]:
        """Return the worth of each picture in one span, float64 (pictures,), if all others stay."""
        return self.score_placements(chosen, np.array([span]), np.arange(self.scores.shape[1]))

    def score_placements(
        self, chosen: NDArray[np.int64], spans: NDArray[np.int64], pictures: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the worth of pictures in spans, if all others stay.

        Args:
            chosen: int64 (spans,), the assignment.
            spans: int64 (n,) or (1,), spans.
            pictures: int64 (n,) or a scalar, the picture for each of those spans.

        Returns:
            float64 (n,), scores minus transition costs to both neighbours.
        """
        worth = self.scores[spans, pictures].copy()
        last = len(chosen) - 1
        for neighbor_span, gap in ((spans - 1, spans - 1), (spans + 1, spans)):
            exists = (neighbor_span >= 0) & (neighbor_span <= last)
            neighbor = chosen[np.clip(neighbor_span, 0, last)]
            weight = self.transition_weights[np.clip(gap, 0, last - 1)] if last else np.zeros(len(gap))
            worth -= np.where(exists, weight * self.transition_costs[neighbor, pictures], 0.0)
        return worth


def assign_by_mood(problem: AssignmentProblem) -> NDArray[np.int64]:
    """Return the index of a picture for each span, int64 (spans,), none twice; a local optimum."""
    from scipy.optimize import linear_sum_assignment

    _, columns = linear_sum_assignment(problem.scores, maximize=True)
    chosen = np.asarray(columns, np.int64)
    better = True
    while better:
        better = False
        for span in range(len(chosen)):
            better |= _replace(problem, chosen, span)
            better |= _swap(problem, chosen, span)
    return chosen


def _replace(problem: AssignmentProblem, chosen: NDArray[np.int64], span: int) -> bool:
    """Put the best unused picture into a span if it is better than the current one; return whether it was."""
    worth = problem.score_span(chosen, span)
    current = worth[chosen[span]]
    worth[chosen] = -np.inf
    best = int(np.argmax(worth))
    if worth[best] <= current + _MIN_GAIN:
        return False
    chosen[span] = best
    return True


def _swap(problem: AssignmentProblem, chosen: NDArray[np.int64], span: int) -> bool:
    """Exchange the pictures of a span and a later one, if that gains; return whether it does."""
    later = np.arange(span + 1, len(chosen))
    if not len(later):
        return False
    here = np.array([span])
    own, others = chosen[span], chosen[later]
    gains = problem.score_placements(chosen, later, own) - problem.score_placements(chosen, later, others)
    gains += problem.score_placements(chosen, here, others) - problem.score_placements(chosen, here, own)
    # The next span is a neighbour: both pictures of that pair change, so its gain is computed in full.
    gains[0] = problem.worth(_exchange(chosen, span, span + 1)) - problem.worth(chosen)
    best = int(np.argmax(gains))
    if gains[best] <= _MIN_GAIN:
        return False
    chosen[:] = _exchange(chosen, span, int(later[best]))
    return True


def _exchange(chosen: NDArray[np.int64], first: int, second: int) -> NDArray[np.int64]:
    result = chosen.copy()
    result[[first, second]] = result[[second, first]]
    return result


def assign_in_order(problem: AssignmentProblem) -> NDArray[np.int64]:
    """Return the best assignment with ascending indices, int64 (spans,), by dynamic programming."""
    spans, pictures = problem.scores.shape
    best = problem.scores[0].copy()
    came_from = np.zeros((spans, pictures), np.int64)
    earlier = np.tri(pictures, k=-1, dtype=bool).T  # [before, after]: before < after
    for span in range(1, spans):
        totals = np.where(
            earlier, best[:, None] - problem.transition_weights[span - 1] * problem.transition_costs, -np.inf
        )
        came_from[span] = totals.argmax(axis=0)
        best = totals.max(axis=0) + problem.scores[span]
    chosen = [int(np.argmax(best))]
    for span in range(spans - 1, 0, -1):
        chosen.append(int(came_from[span, chosen[-1]]))
    return np.array(chosen[::-1], np.int64)
