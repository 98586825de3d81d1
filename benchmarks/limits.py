"""What limits the order by mood out of fold: quadrants, data sets, each side, and the noise of the raters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from attune.benchmarks.system_tables import MOOD_ORDERS, Column, print_rows

if TYPE_CHECKING:
    from attune.benchmarks.systems import ComparisonData
    from attune.training.comparison import SetFilter
    from attune.training.cross_validation import OutOfFoldPredictions
    from attune.training.mood_comparison import JudgedFiles


def measure(
    labelled: ComparisonData,
    by_seed: Sequence[Sequence[OutOfFoldPredictions]],
    mood: SetFilter,
    raters: int,
) -> dict[str, Any]:
    """Measure what limits a system's order by mood.

    Args:
        labelled: Labelled files.
        by_seed: The system's predictions of them: for each fold seed those of each fold.
        mood: Data sets that mood is judged on.
        raters: Number of raters of each picture.

    Returns:
        A JSON document: `sets`, `quadrants`, `oracles` and `raters`, each a list of rows; empty where the
        system gives no order of all pairs, or no mood of single files.
    """
    from attune.training.mood_comparison import measure_orders, select_judged
    from attune.training.mood_limits import measure_oracles, measure_quadrants
    from attune.training.report_values import average_mood_orders, replace_nan

    rows = labelled.images.rows, labelled.music.rows
    judged = select_judged(*rows, mood)
    orders = measure_orders(by_seed, judged)
    by_sets = [(mood, orders)] + [
        (sets, measure_orders(by_seed, select_judged(*rows, sets))) for sets in _iter_parts(mood)
    ]
    oracles = measure_oracles(by_seed, judged)
    return {
        "sets": [
            {"image_sets": list(sets[0]), "music_sets": list(sets[1])} | average_mood_orders(found)
            for sets, found in by_sets
            if found
        ],
        "quadrants": [replace_nan(asdict(limit)) for limit in measure_quadrants(by_seed, orders, judged)],
        "oracles": [{"order": name} | average_mood_orders(known) for name, known in oracles.items()],
        "raters": list(_iter_ceilings(labelled, by_seed, mood, judged, raters)) if oracles else [],
    }


def print_limits(document: dict[str, Any]) -> None:
    """Print the document as four tables."""
    named = [
        {"system": f"{' + '.join(row['image_sets'])} × {' + '.join(row['music_sets'])}"} | row
        for row in document["sets"]
    ]
    print_rows("by data set", named, MOOD_ORDERS)
    for kind, title in (("image", "pictures of"), ("music", "songs of")):
        quadrants = [
            {"system": row["quadrant"]} | row for row in document["quadrants"] if row["kind"] == kind
        ]
        print_rows(title, quadrants, _QUADRANTS)
    print_rows(
        "quadrants + closeness", [{"system": row["order"]} | row for row in document["oracles"]], MOOD_ORDERS
    )
    axes = [
        {"system": f"{row['set']}, {axis}", "images": row["images"], "stated": row["stated"]}
        | {name: row[name][number] for name in ("halves_r", "reliability", "network_r", "noise_share")}
        for row in document["raters"]
        for number, axis in enumerate(("valence", "arousal"))
    ]
    print_rows("raters", axes, _RATERS)
    print_rows(
        "half of the raters, AUC",
        [{"system": row["set"]} | row["auc"] for row in document["raters"]],
        _HALVES,
    )


def _iter_parts(mood: SetFilter) -> Iterator[SetFilter]:
    """Yield each judged set of a modality alone, if there are several."""
    if len(mood[0]) > 1:
        yield from (((name,), mood[1]) for name in mood[0])
    if len(mood[1]) > 1:
        yield from ((mood[0], (name,)) for name in mood[1])


def _iter_ceilings(
    labelled: ComparisonData,
    by_seed: Sequence[Sequence[OutOfFoldPredictions]],
    mood: SetFilter,
    judged: JudgedFiles,
    raters: int,
) -> Iterator[dict[str, Any]]:
    """Yield what the raters allow, for the judged sets of pictures and those whose deviations are stated.

    What the network says is that of the first fold seed.
    """
    import numpy as np

    from attune.embedding.affect import TOLD_COLUMNS
    from attune.training.all_pairs import gather_embeddings
    from attune.training.mood_comparison import read_outputs
    from attune.training.mood_limits import state_labels
    from attune.training.rater_noise import measure_rater_ceiling, read_deviations
    from attune.training.report_values import replace_nan

    rows = labelled.images.rows
    deviations = read_deviations(rows)
    if np.isnan(deviations).all():
        return
    images, music = gather_embeddings(by_seed[0])
    told = np.asarray(images.affect)[:, TOLD_COLUMNS]
    sides = {
        _MUSIC_KNOWN: state_labels(judged.music.labels),
        _MUSIC_PREDICTED: read_outputs(music, judged.music.positions),
    }
    typical = np.nanmedian(deviations, axis=0)
    stated = {row.set for row, own in zip(rows, deviations, strict=True) if not np.isnan(own).any()}
    for name in sorted(stated | set(mood[0])):
        members = [
            position
            for position, row in enumerate(rows)
            if row.set == name and row.valence is not None and row.arousal is not None
        ]
        if members:
            ceiling = measure_rater_ceiling(
                [rows[position] for position in members],
                deviations[members],
                typical,
                raters,
                told[members],
                judged.music.labels,
                sides,
            )
            yield {"set": name} | replace_nan(_as_json(asdict(ceiling)))


def _as_json(document: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in document.items()}


def _figure(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        return "–" if row[name] is None else f"{row[name]:.3f}"

    return cell


def _auc_cell(row: dict[str, Any]) -> str:
    auc = row["auc"]
    return "–" if auc["value"] is None else f"{auc['value']:.3f} ({auc['low']:.3f}–{auc['high']:.3f})"


_QUADRANTS: list[Column] = [
    ("files", lambda row: f"{row['files']}"),
    ("AUC (95 %)", _auc_cell),
    ("first", _figure("first")),
    ("chance", _figure("chance")),
]
_RATERS: list[Column] = [
    ("pictures", lambda row: f"{row['images']}"),
    ("deviation stated", lambda row: f"{row['stated']}"),
    ("r of halves", _figure("halves_r")),
    ("reliability", _figure("reliability")),
    ("r of network", _figure("network_r")),
    ("raters' share of its error", _figure("noise_share")),
]
_MUSIC_KNOWN, _MUSIC_PREDICTED = "music known", "music predicted"
_HALVES: list[Column] = [(name, _figure(name)) for name in (_MUSIC_KNOWN, _MUSIC_PREDICTED)]
