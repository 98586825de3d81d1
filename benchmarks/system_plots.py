"""Plot of the comparison of systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_ATTUNE_COLOR, _OTHER_COLOR, _FOCUS_COLOR = "#b4431f", "#4a5560", "#9aa5b1"


def plot_systems(document: dict[str, Any], file: Path) -> None:
    """Plot accuracies with their intervals, and the trade-off of coverage and precision, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.8), layout="constrained")
    pairs, trade = figure.subplots(1, 2, width_ratios=(3, 2))
    _plot_accuracies(pairs, document["out_of_fold"])
    _plot_trade_off(trade, document["trade_off"])
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


def _plot_trade_off(axes: Any, points: list[dict[str, float]]) -> None:
    axes.plot(
        [point["coverage"] for point in points],
        [point["p@10"] for point in points],
        "o-",
        color=_ATTUNE_COLOR,
    )
    for point in points:
        axes.annotate(
            f"{point['hub lift']:.0f}",
            (point["coverage"], point["p@10"]),
            textcoords="offset points",
            xytext=(6, 4),
            fontsize=8,
        )
    axes.set_xlabel("coverage@10, as a share of random answers'")
    axes.set_ylabel("P@10, music to images")
    axes.set_title("Coverage against precision (labels: hub lift)")
