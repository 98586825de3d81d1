"""How much a moment of nine seconds loses beside a whole excerpt, by data set of the music."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attune.core.progress import Progress

if TYPE_CHECKING:
    from attune.benchmarks.systems import ComparisonData
    from attune.training.comparison import SetFilter
    from attune.training.song_moments import MomentLoss
    from attune.training.systems.base import EmbeddingSystem


def measure(
    labelled: ComparisonData,
    system: EmbeddingSystem,
    mood: SetFilter,
    seeds: Sequence[int],
    cache: Path,
    workers: int,
    progress: Progress,
) -> dict[str, Any]:
    """Measure what a system loses where it hears a moment of each song in place of the whole excerpt.

    Args:
        labelled: Labelled files with the inputs of the system.
        system: The system.
        mood: Data sets that mood is judged on.
        seeds: Fold seeds.
        cache: Folder of cached features.
        workers: Number of worker processes.
        progress: Receives the progress.

    Returns:
        A JSON document: the system, the fold seeds, and a row for all judged songs and for each of their
        data sets, with the figures of whole songs, of moments, and their paired differences.
    """
    from attune.training.feature_cache import extract_cached_features
    from attune.training.mood_comparison import select_judged
    from attune.training.song_moments import measure_moment_loss, predict_moments

    backbone = system.backbones["music"]
    cached = extract_cached_features(labelled.music.rows, backbone, cache, workers, progress)
    patches = {backbone: cached.features}
    predictions = predict_moments(system, labelled.images, labelled.music, patches, seeds, progress)
    rows = []
    for sets in _iter_sets(labelled, mood):
        judged = select_judged(labelled.images.rows, labelled.music.rows, (mood[0], sets))
        loss = measure_moment_loss(predictions, patches, judged)
        if loss is not None:
            rows.append({"image_sets": list(mood[0]), "music_sets": list(sets)} | _format_loss(loss))
    return {"system": system.name, "fold_seeds": list(seeds), "rows": rows}


def print_moments(document: dict[str, Any]) -> None:
    """Print the document: for each group of songs both orders and their difference."""
    from attune.benchmarks.system_tables import MOOD_DIFFERENCES, MOOD_ORDERS, print_rows

    for row in document["rows"]:
        title = f"{', '.join(row['music_sets'])}: {row['songs']} songs, {row['longer']} longer than a moment"
        orders = [{"system": name} | row[key] for name, key in (("whole", "whole"), ("moment", "moments"))]
        print_rows(title, orders, MOOD_ORDERS)
        print_rows("", [{"system": "moment − whole"} | row["difference"]], MOOD_DIFFERENCES)


def _iter_sets(labelled: ComparisonData, mood: SetFilter) -> Iterator[tuple[str, ...]]:
    """Yield all judged sets of music, then each alone if there are several."""
    yield tuple(mood[1])
    present = {row.set for row in labelled.music.rows}
    if len(mood[1]) > 1:
        yield from ((name,) for name in mood[1] if name in present)


def _format_loss(loss: MomentLoss) -> dict[str, Any]:
    from attune.training.mood_leads import format_difference
    from attune.training.report_values import average_mood_orders

    return {
        "songs": loss.songs,
        "longer": loss.longer,
        "whole": average_mood_orders(loss.whole),
        "moments": average_mood_orders(loss.moments),
        "difference": format_difference(loss.difference),
    }
