"""Plot of the comparison of systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_ATTUNE_COLOR, _OTHER_COLOR, _FOCUS_COLOR = "#b4431f", "#4a5560", "#9aa5b1"


def plot_systems(document: dict[str, Any], file: Path) -> None:
    """Plot accuracies with their intervals, and coverage against nDCG of the controls, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.8), layout="constrained")
    pairs, orders = figure.subplots(1, 2, width_ratios=(3, 2))
    _plot_accuracies(pairs, document["out_of_fold"])
    _plot_controls(orders, document["out_of_fold"]["controls"])
    figure.savefig(file, dpi=120)


def _plot_accuracies(axes: Any, section: dict[str, Any]) -> None:
    rows = section["systems"]
    focus = section["protocol"]["focus"]
    drawn = [("accuracy", "all pairs", 0.12, "o")]
    if focus["image_sets"] or focus["music_sets"]:
        drawn.append(("focus", " × ".join("+".join(sets) or "all" for sets in focus.values()), -0.12, "s"))
    for name, label, shift, marker in drawn:
        for place, row in enumerate(rows):
            found = row[name]
            axes.errorbar(
                found["value"],
                place + shift,
                xerr=[[found["value"] - found["low"]], [found["high"] - found["value"]]],
                marker=marker,
                capsize=3,
                color=_ATTUNE_COLOR
                if row["system"].startswith("Attune")
                else _OTHER_COLOR
                if name == "accuracy"
                else _FOCUS_COLOR,
                label=label if place == 0 else None,
            )
    axes.axvline(0.5, color="#cccccc", linewidth=1, zorder=0)
    axes.set_yticks(range(len(rows)), [row["system"] for row in rows])
    axes.set_xlabel("correspondence accuracy, 95 % interval over groups")
    axes.set_title(
        f"Out of fold: {section['protocol']['images']} images, {section['protocol']['music']} songs"
    )
    axes.legend(loc="lower right", frameon=False)


def _plot_controls(axes: Any, controls: dict[str, list[dict[str, Any]]]) -> None:
    for rows in list(controls.values())[:1]:
        for row in rows:
            if row["coverage_target"] is not None:
                continue
            ways = row["music_to_image"], row["image_to_music"]
            pairs = [[way[name] for way in ways] for name in ("coverage@10", "ndcg@10", "hub_lift@10")]
            if any(None in pair for pair in pairs):
                continue
            coverage, ndcg, hub = (sum(pair) / 2 for pair in pairs)
            color = _ATTUNE_COLOR if "network" in row["control"] else _OTHER_COLOR
            axes.plot(coverage, ndcg, "o", color=color)
            axes.annotate(
                f"{row['control']}, {hub:.0f}",
                (coverage, ndcg),
                textcoords="offset points",
                xytext=(6, 4),
                fontsize=8,
            )
    axes.set_xlabel("coverage@10, mean of both ways")
    axes.set_ylabel("nDCG@10 by mood, mean of both ways")
    axes.set_title("Coverage against mood (labels: hub lift)")
