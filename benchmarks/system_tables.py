"""The comparison of systems as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attune.core.terminal import out

_Column = tuple[str, Callable[[dict[str, Any]], str]]


def print_systems(document: dict[str, Any]) -> None:
    """Print the comparison's JSON document: pairs, retrieval both ways, spaces and costs."""
    console = out()
    for name in ("out_of_fold", "test"):
        if name not in document:
            continue
        section = document[name]
        protocol, rows = section["protocol"], section["systems"]
        focus = " × ".join(
            " + ".join(sets) or "all"
            for sets in (protocol["focus"][side] for side in ("image_sets", "music_sets"))
        )
        console.print(
            f"\n{protocol['images']} images, {protocol['music']} pieces of music; {protocol['rows']}; "
            f"focus: {focus}",
            style="bold",
        )
        _print("correspondence", rows, _PAIRS)
        _print("points ahead", rows, _LEADS)
        for way in ("music to image", "image to music"):
            _print(way, rows, _retrieval(way))
        _print("representation and cost", rows, _COSTS)
    _print("raw inputs, linear probe", [{"system": k} | v for k, v in document["raw"].items()], _RAW)
    _print("trade-off, music to image", document["trade_off"], _TRADE)
    _print_worst(document["worst_pairs"])


def _print(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[_Column]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(title, no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        label = row["system"] if "system" in row else f"full above quantile {row['image_full']:.2f}"
        table.add_row(label, *(cell(row) for _, cell in columns))
    out().print()
    out().print(table)


def _print_worst(pairs: Sequence[dict[str, Any]]) -> None:
    console = out()
    console.print("\nAttune's ten worst pairs, out of fold", style="bold")
    for one in pairs:
        truth = "true" if one["corresponds"] else "false"
        console.print(
            f"{one['probability']:.2f} told of a {truth} pair: {one['image']}, {one['image_polarity']}, with "
            f"{one['music']}, {one['music_polarity']}"
        )


def _figure(name: str, digits: int = 3) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        value = row.get("figures", row).get(name)
        return "–" if value is None else f"{value:.{digits}f}"

    return cell


def _interval(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        found = row[name]
        return f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"

    return cell


def _lead(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        if name not in row:
            return "–"
        found = row[name]
        return f"{100 * found['value']:+.1f} p={found['p']:.3f}"

    return cell


def _retrieval(way: str) -> list[_Column]:
    wanted = ("p@1", "p@10", "mrr", "ndcg@10", "coverage", "hub lift")
    return [(name, _figure(f"{way} {name}", 1 if name == "hub lift" else 3)) for name in wanted]


_PAIRS: list[_Column] = [
    ("accuracy (95 %)", _interval("accuracy")),
    ("focus (95 %)", _interval("focus")),
    ("AUC", _figure("auc")),
    ("ECE", _figure("ece")),
]
_LEADS: list[_Column] = [
    ("Attune ahead", _lead("behind")),
    ("in focus", _lead("behind_focus")),
    ("accurate ahead", _lead("behind_accurate")),
    ("in focus", _lead("behind_accurate_focus")),
]
_COSTS: list[_Column] = [
    ("Spearman", _figure("spearman")),
    ("inside polarity", _figure("spearman within")),
    ("image probe", _figure("image probe")),
    ("music probe", _figure("music probe")),
    ("parameters", lambda row: f"{row['parameters']:,}"),
    ("training s", lambda row: f"{row['fit_s']:.1f}"),
    ("µs a pair", lambda row: f"{1000 * row['pair_ms']:.2f}"),
]
_RAW: list[_Column] = [("accuracy", _figure("accuracy")), ("balanced", _figure("balanced"))]
_TRADE: list[_Column] = [
    ("p@10", _figure("p@10")),
    ("coverage", _figure("coverage")),
    ("hub lift", _figure("hub lift", 1)),
]
