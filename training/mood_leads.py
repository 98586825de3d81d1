"""How far a system's order by mood is ahead of controls and of other systems: paired differences.

All orders of one comparison are measured on the same files, with the same bootstrap draws of the groups of
both modalities. The interval of a difference is that of the differences of their replicates; it is narrower
than the intervals of both figures suggest, since an easy draw is easy for both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from attune.training.comparison import Estimate, estimate_mean
from attune.training.metrics import MoodOrder, MoodRetrieval
from attune.training.mood_comparison import SystemMood
from attune.training.mood_controls import NETWORK
from attune.training.report_values import replace_nan


@dataclass(frozen=True, slots=True)
class OrderDifference:
    """Differences between two orders of the same files, each with its interval.

    Attributes:
        auc: Difference of the AUC.
        music_to_image: Difference of nDCG@10 where music finds pictures.
        image_to_music: Difference of nDCG@10 where pictures find music.
    """

    auc: Estimate
    music_to_image: Estimate
    image_to_music: Estimate


@dataclass(frozen=True, slots=True)
class MoodLead:
    """How far a system is ahead of a control or of another system.

    Attributes:
        ahead_of: Name of that control or system.
        coverage_target: Coverage that random tie-breaks were to reach, the mean over the fold seeds; None for
            a system, and for a control as it is.
        difference: The system's figures less those of the other.
    """

    ahead_of: str
    coverage_target: float | None
    difference: OrderDifference


def compare_orders(orders: Sequence[MoodOrder], baselines: Sequence[MoodOrder]) -> OrderDifference:
    """Return the differences between two orders of the same files, averaged over the fold seeds.

    Args:
        orders: The order at each fold seed.
        baselines: The order that is subtracted, at each fold seed.
    """
    pairs = list(zip(orders, baselines, strict=True))
    return OrderDifference(
        auc=estimate_mean(
            [(one.auc - other.auc, one.auc_replicates - other.auc_replicates) for one, other in pairs]
        ),
        music_to_image=_compare_ways([(one.music_to_image, other.music_to_image) for one, other in pairs]),
        image_to_music=_compare_ways([(one.image_to_music, other.image_to_music) for one, other in pairs]),
    )


def measure_leads(measured: Sequence[SystemMood]) -> dict[str, list[MoodLead]]:
    """Measure how far each system is ahead of its controls, then of the other systems.

    Args:
        measured: The systems of one comparison, measured on the same files.

    Returns:
        The leads by system, for the systems that have controls; of the other systems, those that score pairs
        across folds are compared with.
    """
    return {
        system.system: [*_iter_control_leads(system), *_iter_system_leads(system, measured)]
        for system in measured
        if all(seed.controls for seed in system.seeds) and _find_orders(system)
    }


def format_difference(difference: OrderDifference) -> dict[str, Any]:
    """Return the differences as JSON values, under the names that the figures have in a report."""
    return {
        "auc": replace_nan(asdict(difference.auc)),
        "music_to_image": {"ndcg@10": replace_nan(asdict(difference.music_to_image))},
        "image_to_music": {"ndcg@10": replace_nan(asdict(difference.image_to_music))},
    }


def _iter_control_leads(system: SystemMood) -> Iterator[MoodLead]:
    orders = _find_orders(system)
    for controls in zip(*(seed.controls for seed in system.seeds), strict=True):
        if controls[0].control == NETWORK:  # the system itself
            continue
        targets = [control.target for control in controls if control.target is not None]
        yield MoodLead(
            controls[0].control,
            sum(targets) / len(targets) if targets else None,
            compare_orders(orders, [control.order for control in controls]),
        )


def _iter_system_leads(system: SystemMood, measured: Sequence[SystemMood]) -> Iterator[MoodLead]:
    orders = _find_orders(system)
    for other in measured:
        others = _find_orders(other)
        if other is not system and others:
            yield MoodLead(other.system, None, compare_orders(orders, others))


def _compare_ways(pairs: Sequence[tuple[MoodRetrieval, MoodRetrieval]]) -> Estimate:
    """Return the difference of nDCG@10 in one direction."""
    return estimate_mean(
        [
            (one.ndcg_at_10 - other.ndcg_at_10, one.ndcg_replicates - other.ndcg_replicates)
            for one, other in pairs
        ]
    )


def _find_orders(system: SystemMood) -> list[MoodOrder]:
    """Return a system's order at each fold seed; none if pairs across folds have no score."""
    orders = [seed.order for seed in system.seeds if seed.order is not None]
    return orders if len(orders) == len(system.seeds) else []
