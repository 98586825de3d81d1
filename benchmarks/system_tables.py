"""Text tables of the comparison of systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attune.core.console import stdout_console

_Column = tuple[str, Callable[[dict[str, Any]], str]]


def print_systems(document: dict[str, Any]) -> None:
    """Print the comparison's JSON document: pairs, retrieval in both directions, embeddings and costs."""
    console = stdout_console()
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
            _print(way, rows, _retrieval_columns(way))
        _print("representation and cost", rows, _COSTS)
    _print("raw inputs, linear probe", [{"system": k} | v for k, v in document["raw"].items()], _RAW)
    _print("trade-off, music to image", document["trade_off"], _TRADE_OFF)
    _print_worst_pairs(document["worst_pairs"])


def _print(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[_Column]) -> None:
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(title, no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        label = row["system"] if "system" in row else f"full above quantile {row['image_full']:.2f}"
        table.add_row(label, *(cell(row) for _, cell in columns))
    stdout_console().print()
    stdout_console().print(table)


def _print_worst_pairs(pairs: Sequence[dict[str, Any]]) -> None:
    console = stdout_console()
    console.print("\nAttune's ten worst pairs, out of fold", style="bold")
    for pair in pairs:
        truth = "corresponds" if pair["corresponds"] else "does not correspond"
        console.print(
            f"probability {pair['probability']:.2f}, but the pair {truth}: {pair['image']}, "
            f"{pair['image_polarity']}, with {pair['music']}, {pair['music_polarity']}"
        )


def _figure_formatter(name: str, digits: int = 3) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        value = row.get("figures", row).get(name)
        return "–" if value is None else f"{value:.{digits}f}"

    return cell


def _interval_formatter(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        found = row[name]
        return f"{found['value']:.3f} ({found['low']:.3f}–{found['high']:.3f})"

    return cell


def _lead_formatter(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        if name not in row:
            return "–"
        found = row[name]
        return f"{100 * found['value']:+.1f} p={found['p']:.3f}"

    return cell


def _retrieval_columns(way: str) -> list[_Column]:
    wanted = ("p@1", "p@10", "mrr", "ndcg@10", "coverage", "hub lift")
    return [(name, _figure_formatter(f"{way} {name}", 1 if name == "hub lift" else 3)) for name in wanted]


_PAIRS: list[_Column] = [
    ("accuracy (95 %)", _interval_formatter("accuracy")),
    ("focus (95 %)", _interval_formatter("focus")),
    ("AUC", _figure_formatter("auc")),
    ("ECE", _figure_formatter("ece")),
]
_LEADS: list[_Column] = [
    ("Attune ahead", _lead_formatter("behind")),
    ("in focus", _lead_formatter("behind_focus")),
    ("accurate ahead", _lead_formatter("behind_accurate")),
    ("in focus", _lead_formatter("behind_accurate_focus")),
]
_COSTS: list[_Column] = [
    ("Spearman", _figure_formatter("spearman")),
    ("inside polarity", _figure_formatter("spearman within")),
    ("image probe", _figure_formatter("image probe")),
    ("music probe", _figure_formatter("music probe")),
    ("parameters", lambda row: f"{row['parameters']:,}"),
    ("training s", lambda row: f"{row['fit_s']:.1f}"),
    ("µs per pair", lambda row: f"{1000 * row['pair_ms']:.2f}"),
]
_RAW: list[_Column] = [
    ("accuracy", _figure_formatter("accuracy")),
    ("balanced", _figure_formatter("balanced")),
]
_TRADE_OFF: list[_Column] = [
    ("p@10", _figure_formatter("p@10")),
    ("coverage", _figure_formatter("coverage")),
    ("hub lift", _figure_formatter("hub lift", 1)),
]
