"""Which picture goes with which span: the choice with the largest total worth.

A choice gives each span a picture of its own. Its worth is

    sum of scores[span, picture]  -  sum of joints[gap] * jumps[picture before the gap, picture after it]

`assign_by_mood` starts from the exact optimum of the scores alone and exchanges pictures while an exchange
raises the total: no single exchange can improve its result. `assign_in_order` is exact: pictures keep their
order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

_MIN_GAIN: Final = 1e-9  # less is rounding, and would go round in circles


@dataclass(frozen=True, slots=True)
class AssignmentProblem:
    """What a choice is made from.

    Attributes:
        scores: float64 (spans, pictures), how well each picture goes with each span; pictures >= spans.
        jumps: float64 (pictures, pictures), symmetric, >= 0: how far it is from one picture to the next.
        joints: float64 (spans - 1,), >= 0, how much a jump counts at each change of picture.
    """

    scores: NDArray[np.float64]
    transition_costs: NDArray[np.float64]
    transition_weights: NDArray[np.float64]

    def worth(self, chosen: NDArray[np.int64]) -> float:
        """Return the worth of a choice: int64 (spans,), indices of pictures."""
        fits = self.scores[np.arange(len(chosen)), chosen].sum()
        return float(fits - (self.transition_weights * self.transition_costs[chosen[:-1], chosen[1:]]).sum())

    def score_span(self, chosen: NDArray[np.int64], span: int) -> NDArray[np.float64]:
        """Return what each picture would be worth in one span, its neighbours being as chosen."""
        return self.score_placements(chosen, np.array([span]), np.arange(self.scores.shape[1]))

    def score_placements(
        self, chosen: NDArray[np.int64], spans: NDArray[np.int64], pictures: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return what pictures would be worth in spans, one each or one for all, neighbours as chosen."""
        worth = self.scores[spans, pictures].copy()
        last = len(chosen) - 1
        for beside, gap in ((spans - 1, spans - 1), (spans + 1, spans)):
            real = (beside >= 0) & (beside <= last)
            neighbour = chosen[np.clip(beside, 0, last)]
            joint = self.transition_weights[np.clip(gap, 0, last - 1)] if last else np.zeros(len(gap))
            worth -= np.where(real, joint * self.transition_costs[neighbour, pictures], 0.0)
        return worth


def assign_by_mood(problem: AssignmentProblem) -> NDArray[np.int64]:
    """Return a picture for each span, int64 (spans,), none twice."""
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
    """Put the best picture that is not used into a span, if it is better than the one there."""
    worth = problem.score_span(chosen, span)
    here = worth[chosen[span]]
    worth[chosen] = -np.inf
    best = int(np.argmax(worth))
    if worth[best] <= here + _MIN_GAIN:
        return False
    chosen[span] = best
    return True


def _swap(problem: AssignmentProblem, chosen: NDArray[np.int64], span: int) -> bool:
    """Exchange the pictures of a span and a later one, where that gains most."""
    later = np.arange(span + 1, len(chosen))
    if not len(later):
        return False
    one = np.array([span])
    mine, theirs = chosen[span], chosen[later]
    gains = problem.score_placements(chosen, later, mine) - problem.score_placements(chosen, later, theirs)
    gains += problem.score_placements(chosen, one, theirs) - problem.score_placements(chosen, one, mine)
    gains[0] = problem.worth(_exchange(chosen, span, span + 1)) - problem.worth(chosen)  # these two touch
    best = int(np.argmax(gains))
    if gains[best] <= _MIN_GAIN:
        return False
    chosen[:] = _exchange(chosen, span, int(later[best]))
    return True


def _exchange(chosen: NDArray[np.int64], one: int, other: int) -> NDArray[np.int64]:
    result = chosen.copy()
    result[[one, other]] = result[[other, one]]
    return result


def assign_in_order(problem: AssignmentProblem) -> NDArray[np.int64]:
    """Return the best choice whose indices ascend, int64 (spans,), by dynamic programming."""
    spans, pictures = problem.scores.shape
    best = problem.scores[0].copy()
    came_from = np.zeros((spans, pictures), np.int64)
    earlier = np.tri(pictures, k=-1, dtype=bool).T  # [before, after]: before < after
    for span in range(1, spans):
        ways = np.where(
            earlier, best[:, None] - problem.transition_weights[span - 1] * problem.transition_costs, -np.inf
        )
        came_from[span] = ways.argmax(axis=0)
        best = ways.max(axis=0) + problem.scores[span]
    chosen = [int(np.argmax(best))]
    for span in range(spans - 1, 0, -1):
        chosen.append(int(came_from[span, chosen[-1]]))
    return np.array(chosen[::-1], np.int64)
