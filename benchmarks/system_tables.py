"""Text tables of the comparison of systems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attune.core.console import stdout_console

Column = tuple[str, Callable[[dict[str, Any]], str]]
"""Title of a column, and the function that makes its cell from a row."""


def print_systems(document: dict[str, Any]) -> None:
    """Print the comparison's JSON document: pairs, retrieval both ways, mood, embeddings and costs."""
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
        print_rows("correspondence", rows, _PAIRS)
        print_rows("points ahead", rows, _LEADS)
        for way in ("music to image", "image to music"):
            print_rows(way, rows, _retrieval_columns(way))
        _print_mood(protocol["mood"], rows)
        for system, controls in section["controls"].items():
            _print_controls(system, controls)
        for system, leads in section["mood_leads"].items():
            _print_leads(system, leads)
        print_rows("representation and cost", rows, _COSTS)
    print_rows("raw inputs, linear probe", [{"system": k} | v for k, v in document["raw"].items()], _RAW)
    _print_worst_pairs(document["worst_pairs"])


def _print_mood(protocol: dict[str, Any], rows: Sequence[dict[str, Any]]) -> None:
    """Print the mood measure; systems that score no pairs across folds have dashes."""
    stdout_console().print(
        f"\nMood: {protocol['images']} images ({', '.join(protocol['image_sets'])}) and {protocol['music']} "
        f"pieces of music ({', '.join(protocol['music_sets'])}), all of them judged at once",
        style="bold",
    )
    moods = [{"system": row["system"]} | row["mood"] for row in rows]
    print_rows("mood", moods, _MOOD)
    for way in ("music_to_image", "image_to_music"):
        print_rows(f"mood, {way.replace('_', ' ')}", moods, _mood_columns(way))


def _print_controls(system: str, controls: Sequence[dict[str, Any]]) -> None:
    rows = [
        {"system": _name_order(control["control"], control["coverage_target"])} | control
        for control in controls
    ]
    print_rows(f"controls on the outputs of {system}", rows, _CONTROLS)
    for way in ("music_to_image", "image_to_music"):
        print_rows(f"controls, {way.replace('_', ' ')}", rows, _mood_columns(way))


def _print_leads(system: str, leads: Sequence[dict[str, Any]]) -> None:
    rows = [{"system": _name_order(lead["ahead_of"], lead["coverage_target"])} | lead for lead in leads]
    print_rows(f"mood, {system} ahead of", rows, MOOD_DIFFERENCES)


def _name_order(name: str, coverage_target: float | None) -> str:
    return name if coverage_target is None else f"{name}, coverage {coverage_target:.2f}"


def print_rows(title: str, rows: Sequence[dict[str, Any]], columns: Sequence[Column]) -> None:
    """Print a table; the first column has the title and the values of `system`."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(title, no_wrap=True)
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row["system"], *(cell(row) for _, cell in columns))
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


def _mood_formatter(name: str, way: str | None = None, digits: int = 3) -> Callable[[dict[str, Any]], str]:
    """Return a cell with a figure of mood, and with its interval if there is one."""

    def cell(row: dict[str, Any]) -> str:
        figures = row if way is None else row[way]
        if figures is None or figures[name] is None:
            return "–"
        ends = figures.get(f"{name}_ci95")
        return f"{figures[name]:.{digits}f}" + (" ({:.3f}–{:.3f})".format(*ends) if ends else "")

    return cell


def _mood_columns(way: str) -> list[Column]:
    return [
        ("lift", _mood_formatter("lift", way, 2)),
        ("first", _mood_formatter("first", way)),
        ("nDCG@10 (95 %)", _mood_formatter("ndcg@10", way)),
        ("coverage", _mood_formatter("coverage@10", way)),
        ("hub lift", _mood_formatter("hub_lift@10", way, 1)),
    ]


def _format_mood_difference(figures: dict[str, Any], name: str) -> str:
    """Return a paired difference with its interval; a dash if it is not defined."""
    found = figures[name]
    if found["value"] is None:
        return "–"
    return f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"


def _lead_formatter(name: str) -> Callable[[dict[str, Any]], str]:
    def cell(row: dict[str, Any]) -> str:
        if name not in row:
            return "–"
        found = row[name]
        return f"{100 * found['value']:+.1f} p={found['p']:.3f}"

    return cell


def _retrieval_columns(way: str) -> list[Column]:
    wanted = ("p@1", "p@10", "mrr", "ndcg@10", "coverage", "hub lift")
    return [(name, _figure_formatter(f"{way} {name}", 1 if name == "hub lift" else 3)) for name in wanted]


_PAIRS: list[Column] = [
    ("accuracy (95 %)", _interval_formatter("accuracy")),
    ("focus (95 %)", _interval_formatter("focus")),
    ("AUC", _figure_formatter("auc")),
    ("ECE", _figure_formatter("ece")),
]
_LEADS: list[Column] = [
    ("Attune ahead", _lead_formatter("behind")),
    ("in focus", _lead_formatter("behind_focus")),
    ("accurate ahead", _lead_formatter("behind_accurate")),
    ("in focus", _lead_formatter("behind_accurate_focus")),
]
_MOOD: list[Column] = [
    ("AUC (95 %)", _mood_formatter("auc")),
    ("AUC within folds (95 %)", _mood_formatter("auc_within_folds")),
]
_CONTROLS: list[Column] = [
    ("AUC (95 %)", _mood_formatter("auc")),
    ("noise, sd", _mood_formatter("noise", digits=2)),
]
MOOD_ORDERS: list[Column] = [
    ("AUC (95 %)", _mood_formatter("auc")),
    ("nDCG@10, song → pictures", _mood_formatter("ndcg@10", "music_to_image")),
    ("nDCG@10, picture → songs", _mood_formatter("ndcg@10", "image_to_music")),
]
"""Columns of the figures of orders by mood, each with its interval."""
MOOD_DIFFERENCES: list[Column] = [
    ("AUC (95 %)", lambda row: _format_mood_difference(row, "auc")),
    ("nDCG@10, song → pictures", lambda row: _format_mood_difference(row["music_to_image"], "ndcg@10")),
    ("nDCG@10, picture → songs", lambda row: _format_mood_difference(row["image_to_music"], "ndcg@10")),
]
"""Columns of paired differences between orders by mood, each with its interval."""
_COSTS: list[Column] = [
    ("Spearman", _figure_formatter("spearman")),
    ("inside polarity", _figure_formatter("spearman within")),
    ("image probe", _figure_formatter("image probe")),
    ("music probe", _figure_formatter("music probe")),
    ("parameters", lambda row: f"{row['parameters']:,}"),
    ("training s", lambda row: f"{row['fit_s']:.1f}"),
    ("µs per pair", lambda row: f"{1000 * row['pair_ms']:.2f}"),
]
_RAW: list[Column] = [
    ("accuracy", _figure_formatter("accuracy")),
    ("balanced", _figure_formatter("balanced")),
]
